#include "advisory/splitter.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"

/* JSON is followed only as far as needed to find where a value ends: strings, escapes, nesting.
 * Whether it is valid JSON is for the parser of the document to say. */
enum json_place {
    JSON_BEFORE,  /* before the first value of the stream */
    JSON_BETWEEN, /* between values (or elements, or members) */
    JSON_KEY,     /* in the name of a member */
    JSON_COLON,   /* between name and value */
    JSON_VALUE,   /* in a value */
    JSON_LINES,   /* one value a line: the newline decides */
    JSON_AFTER,   /* behind the container's end */
};

struct splitter {
    enum feed_form form;
    const char *element;
    splitter_func func;
    void *user;
    GString *text; /* the document so far */
    bool too_long; /* ... has been cut: skip to its end */

    enum json_place place;
    unsigned depth;
    bool in_string, escaped, scalar;
    bool container;       /* values are elements of one top-level array, or members of an object */
    bool line_of_its_own; /* the first value had no newline in it: maybe JSON lines */
    bool one_value_seen;
    GString *key;
    GString *head; /* held back until it is known whether it is JSON lines; then NULL */
};

struct splitter *splitter_new(enum feed_form form, const char *element, splitter_func func,
                              void *user)
{
    struct splitter *s = g_new0(struct splitter, 1);
    s->form = form;
    s->element = element;
    s->func = func;
    s->user = user;
    s->text = g_string_new(NULL);
    s->key = g_string_new(NULL);
    if (form == FEED_JSON)
        s->head = g_string_new(NULL);
    return s;
}

void splitter_free(struct splitter *s)
{
    if (s == NULL)
        return;
    g_string_free(s->text, TRUE);
    g_string_free(s->key, TRUE);
    if (s->head != NULL)
        g_string_free(s->head, TRUE);
    g_free(s);
}

static void keep(struct splitter *s, const char *bytes, size_t len)
{
    if (s->too_long)
        return;
    if (len > LIMIT_ADVISORY_RECORD - MIN(s->text->len, (gsize)LIMIT_ADVISORY_RECORD)) {
        s->too_long = true;
        return;
    }
    g_string_append_len(s->text, bytes, (gssize)len);
}

static bool deliver(struct splitter *s, const char *broken, GError **error)
{
    if (s->too_long)
        broken = "longer than one record may be";
    const char *key = s->form == FEED_JSON_MEMBERS ? s->key->str : NULL;
    bool ok = s->func(key, s->text->str, s->text->len, broken, s->user, error);
    /* A record of tens of megabytes must not keep its buffer for the rest of the stream. */
    if (s->text->allocated_len > 4u << 20) {
        g_string_free(s->text, TRUE);
        s->text = g_string_new(NULL);
    }
    g_string_truncate(s->text, 0);
    s->too_long = false;
    return ok;
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* Takes bytes of a string up to its closing quote; *i ends behind what was taken. */
static void skip_string(struct splitter *s, const char *p, size_t len, size_t *i)
{
    while (*i < len) {
        char c = p[(*i)++];
        if (s->escaped) {
            s->escaped = false;
        } else if (c == '\\') {
            s->escaped = true;
        } else if (c == '"') {
            s->in_string = false;
            return;
        }
    }
}

/* Goes on in a value from *i; true when it ended (then *i is behind it). */
static bool value_ends(struct splitter *s, const char *p, size_t len, size_t *i)
{
    while (*i < len) {
        if (s->in_string) {
            skip_string(s, p, len, i);
            if (!s->in_string && s->depth == 0)
                return true;
            continue;
        }
        char c = p[*i];
        if (s->scalar && (g_ascii_isspace(c) || c == ',' || c == ']' || c == '}'))
            return true;
        (*i)++;
        if (c == '"') {
            s->in_string = true;
        } else if (c == '{' || c == '[') {
            s->depth++;
        } else if ((c == '}' || c == ']') && --s->depth == 0) {
            return true;
        } else if (c == '\n') {
            s->line_of_its_own = false;
        }
    }
    return false;
}

static void begin_value(struct splitter *s, char c)
{
    s->place = JSON_VALUE;
    s->depth = 0;
    s->in_string = s->escaped = false;
    s->scalar = c != '{' && c != '[' && c != '"';
    if (!s->one_value_seen)
        s->line_of_its_own = true;
}

static bool take_value(struct splitter *s, const char *p, size_t len, size_t *i, GError **error)
{
    size_t from = *i;
    bool ended = value_ends(s, p, len, i);
    keep(s, p + from, *i - from);
    if (!ended)
        return true;
    s->place = JSON_BETWEEN;
    s->one_value_seen = true;
    return deliver(s, NULL, error);
}

static bool take_line(struct splitter *s, const char *p, size_t len, size_t *i, GError **error)
{
    const char *newline = memchr(p + *i, '\n', len - *i);
    size_t end = newline != NULL ? (size_t)(newline - p) : len;
    keep(s, p + *i, end - *i);
    *i = newline != NULL ? end + 1 : end;
    if (newline == NULL)
        return true;
    size_t blanks = strspn(s->text->str, " \t\r");
    if (blanks == s->text->len && !s->too_long) {
        g_string_truncate(s->text, 0);
        return true;
    }
    return deliver(s, NULL, error);
}

/* What stands between values: blanks, commas, the container's brackets, names of members. */
static bool take_between(struct splitter *s, char c, size_t *i, GError **error)
{
    bool members = s->form == FEED_JSON_MEMBERS;
    if (c == '\n' && s->place == JSON_BETWEEN && !s->container && s->line_of_its_own) {
        s->place = JSON_LINES;
        (*i)++;
        return true;
    }
    if (g_ascii_isspace(c) || (c == ',' && s->container && s->place == JSON_BETWEEN) ||
        (c == ':' && s->place == JSON_COLON)) {
        (*i)++;
        return true;
    }
    if (s->place == JSON_AFTER) {
        (*i)++;
        if (s->too_long)
            return true;
        s->too_long = true; /* say it once */
        return s->func(NULL, "", 0, "text behind the end of the document", s->user, error);
    }
    if (s->place == JSON_BEFORE && c == (members ? '{' : '[')) {
        s->container = true;
        s->place = JSON_BETWEEN;
        (*i)++;
    } else if (s->container && s->place == JSON_BETWEEN && c == (members ? '}' : ']')) {
        s->place = JSON_AFTER;
        (*i)++;
    } else if (members && s->place == JSON_BETWEEN && c == '"') {
        s->place = JSON_KEY;
        g_string_truncate(s->key, 0);
        s->in_string = true;
        s->escaped = false;
        (*i)++;
    } else if (strchr(",:]}", c) != NULL) {
        (*i)++;
        return s->func(NULL, "", 0, "a stray bracket or comma between values", s->user, error);
    } else if (members && s->place != JSON_COLON) {
        return fail_corrupt(error, "a member of the top-level object has no name");
    } else {
        begin_value(s, c);
    }
    return true;
}

static bool take_key(struct splitter *s, const char *p, size_t len, size_t *i, GError **error)
{
    size_t from = *i;
    skip_string(s, p, len, i);
    if (*i - from > LIMIT_FEED_FIELD - MIN(s->key->len, (gsize)LIMIT_FEED_FIELD))
        return fail_limit(error, "a member's name is longer than %u bytes", LIMIT_FEED_FIELD);
    g_string_append_len(s->key, p + from, (gssize)(*i - from));
    if (!s->in_string) {
        g_string_truncate(s->key, s->key->len - 1);
        s->place = JSON_COLON;
    }
    return true;
}

static bool cut_json(struct splitter *s, const char *p, size_t len, GError **error)
{
    size_t i = 0;
    bool ok = true;
    while (ok && i < len) {
        if (s->place == JSON_VALUE)
            ok = take_value(s, p, len, &i, error);
        else if (s->place == JSON_LINES)
            ok = take_line(s, p, len, &i, error);
        else if (s->place == JSON_KEY)
            ok = take_key(s, p, len, &i, error);
        else
            ok = take_between(s, p[i], &i, error);
    }
    return ok;
}

/* One object a line is known by the first two lines' beginnings, so that a broken first line costs
 * only itself. */
static bool release_head(struct splitter *s, GError **error)
{
    g_autoptr(GString) head = g_steal_pointer(&s->head);
    const char *p = head->str + strspn(head->str, " \t\r\n");
    const char *newline = strchr(p, '\n');
    if (*p == '{' && newline != NULL && newline[1] == '{')
        s->place = JSON_LINES;
    size_t blanks = (size_t)(p - head->str);
    return cut_json(s, p, head->len - blanks, error);
}

static bool push_json(struct splitter *s, const char *p, size_t len, GError **error)
{
    if (s->head == NULL)
        return cut_json(s, p, len, error);
    size_t take = MIN(len, LIMIT_FEED_HEAD - s->head->len);
    g_string_append_len(s->head, p, (gssize)take);
    const char *begin = s->head->str + strspn(s->head->str, " \t\r\n");
    const char *newline = strchr(begin, '\n');
    bool known = (*begin != '\0' && *begin != '{') || (newline != NULL && newline[1] != '\0') ||
                 s->head->len == LIMIT_FEED_HEAD;
    return !known || (release_head(s, error) && cut_json(s, p + take, len - take, error));
}

static bool finish_json(struct splitter *s, GError **error)
{
    if (s->head != NULL && !release_head(s, error))
        return false;
    bool whole = s->place == JSON_AFTER || s->place == JSON_BEFORE ||
                 (s->place == JSON_BETWEEN && !s->container);
    if (s->place == JSON_LINES)
        return s->text->len == 0 || take_line(s, "\n", 1, &(size_t){ 0 }, error);
    if (s->place == JSON_VALUE && s->scalar && s->depth == 0)
        return deliver(s, NULL, error);
    return whole || deliver(s, "the stream ends inside it", error);
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool push_lines(struct splitter *s, const char *p, size_t len, GError **error)
{
    for (size_t i = 0; i < len;)
        if (!take_line(s, p, len, &i, error))
            return false;
    return true;
}

/* A new paragraph begins at a line that does not begin with a blank. */
static bool push_paragraphs(struct splitter *s, const char *p, size_t len, GError **error)
{
    for (size_t i = 0; i < len;) {
        bool line_begins = s->text->len == 0 || s->text->str[s->text->len - 1] == '\n';
        bool blank = g_ascii_isspace(p[i]);
        if (line_begins && !blank && s->text->len > 0 && !deliver(s, NULL, error))
            return false;
        const char *newline = memchr(p + i, '\n', len - i);
        size_t end = newline != NULL ? (size_t)(newline - p) + 1 : len;
        keep(s, p + i, end - i);
        i = end;
    }
    return true;
}

/* --- XML -------------------------------------------------------------------------------------- */

/* Finds the element's tags as text; what stands between them is then parsed as XML of its own. A
 * tag may be cut by the end of a push: up to its length the buffer's end is looked at again. */
static bool push_xml(struct splitter *s, const char *p, size_t len, GError **error)
{
    g_autofree char *open = g_strdup_printf("<%s", s->element);
    g_autofree char *close = g_strdup_printf("</%s>", s->element);
    size_t open_len = strlen(open), close_len = strlen(close);
    size_t looked = s->text->len > close_len ? s->text->len - close_len : 0;
    keep(s, p, len);
    for (;;) {
        char *text = s->text->str;
        if (!s->in_string) { /* outside an element */
            char *at = memmem(text, s->text->len, open, open_len);
            if (at == NULL || (size_t)(at - text) + open_len >= s->text->len) {
                size_t tail = MIN(s->text->len, open_len);
                g_string_erase(s->text, 0, (gssize)(s->text->len - tail));
                return true;
            }
            bool tag = g_ascii_isspace(at[open_len]) || at[open_len] == '>';
            g_string_erase(s->text, 0, at - text + (tag ? 0 : (gssize)open_len));
            s->in_string = tag;
            looked = 0;
            continue;
        }
        char *at = memmem(text + looked, s->text->len - looked, close, close_len);
        if (at == NULL && !s->too_long)
            return true;
        size_t end = at != NULL ? (size_t)(at - text) + close_len : s->text->len;
        size_t rest_len = s->text->len - end;
        g_autofree char *rest = g_memdup2(text + end, rest_len);
        g_string_truncate(s->text, end);
        s->in_string = false;
        if (!deliver(s, NULL, error))
            return false;
        if (rest_len > 0)
            g_string_append_len(s->text, rest, (gssize)rest_len);
        looked = 0;
    }
}

/* ---------------------------------------------------------------------------------------------- */

bool splitter_push(struct splitter *s, const char *bytes, size_t len, GError **error)
{
    switch (s->form) {
    case FEED_JSON:
    case FEED_JSON_MEMBERS:
        return push_json(s, bytes, len, error);
    case FEED_LINES:
        return push_lines(s, bytes, len, error);
    case FEED_PARAGRAPHS:
        return push_paragraphs(s, bytes, len, error);
    case FEED_XML:
        return push_xml(s, bytes, len, error);
    case FEED_WHOLE:
    case FEED_FORM_COUNT:
        break;
    }
    keep(s, bytes, len);
    return true;
}

bool splitter_finish(struct splitter *s, GError **error)
{
    switch (s->form) {
    case FEED_JSON:
    case FEED_JSON_MEMBERS:
        return finish_json(s, error);
    case FEED_LINES:
        return s->text->len == 0 || take_line(s, "\n", 1, &(size_t){ 0 }, error);
    case FEED_XML:
        return !s->in_string || deliver(s, "the stream ends inside it", error);
    case FEED_PARAGRAPHS:
    case FEED_WHOLE:
    case FEED_FORM_COUNT:
        break;
    }
    return (s->text->len == 0 && !s->too_long) || deliver(s, NULL, error);
}
