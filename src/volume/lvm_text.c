#include "volume/lvm_text.h"

#include <string.h>

#include "base/limits.h"
#include "base/number.h"

struct parser {
    const char *text;
    size_t len, pos;
    const char *what;
    struct arena *arena;
    GError **error;
    struct {
        struct lvm_item *section, *last;
    } open[LIMIT_LVM_NESTING + 1];
    unsigned depth;
};

static bool wrong(struct parser *p, const char *expected)
{
    return fail_corrupt(p->error, "%s: LVM metadata: %s expected at byte %zu", p->what, expected,
                        p->pos);
}

static struct lvm_item *item_new(struct parser *p, enum lvm_item_kind kind)
{
    struct lvm_item *item = arena_new0(p->arena, struct lvm_item);
    if (item == NULL)
        fail_limit(p->error, "%s: LVM metadata takes more than %u bytes of memory", p->what,
                   LIMIT_LVM_ITEMS);
    else
        item->kind = kind;
    return item;
}

static const char *keep(struct parser *p, const char *s, size_t len)
{
    const char *copy = arena_strndup(p->arena, s, len);
    if (copy == NULL)
        fail_limit(p->error, "%s: LVM metadata takes more than %u bytes of memory", p->what,
                   LIMIT_LVM_ITEMS);
    return copy;
}

static void skip_blanks(struct parser *p)
{
    for (; p->pos < p->len; p->pos++) {
        if (p->text[p->pos] == '#') {
            while (p->pos < p->len && p->text[p->pos] != '\n')
                p->pos++;
            p->pos -= p->pos == p->len; /* the loop takes one more step */
        } else if (!g_ascii_isspace(p->text[p->pos])) {
            return;
        }
    }
}

/* Steps over c if it comes next. */
static bool take(struct parser *p, char c)
{
    skip_blanks(p);
    if (p->pos >= p->len || p->text[p->pos] != c)
        return false;
    p->pos++;
    return true;
}

static size_t word_length(const struct parser *p)
{
    size_t n = 0;
    while (p->pos + n < p->len && !g_ascii_isspace(p->text[p->pos + n]) &&
           strchr("={}[],#\"", p->text[p->pos + n]) == NULL)
        n++;
    return n;
}

/* Behind the opening quote; a backslash takes the next character as it is. */
static const char *parse_string(struct parser *p)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (; p->pos < p->len; p->pos++) {
        char c = p->text[p->pos];
        if (c == '"') {
            p->pos++;
            return keep(p, out->str, out->len);
        }
        if (c == '\\' && p->pos + 1 < p->len)
            c = p->text[++p->pos];
        g_string_append_c(out, c);
    }
    wrong(p, "the end of a string");
    return NULL;
}

static struct lvm_item *parse_scalar(struct parser *p)
{
    if (take(p, '"')) {
        const char *text = parse_string(p);
        struct lvm_item *item = text != NULL ? item_new(p, LVM_STRING) : NULL;
        if (item != NULL)
            item->text = text;
        return item;
    }
    int64_t number;
    size_t n = word_length(p);
    if (!parse_i64(p->text + p->pos, n, &number)) {
        wrong(p, "a number or a string");
        return NULL;
    }
    p->pos += n;
    struct lvm_item *item = item_new(p, LVM_NUMBER);
    if (item != NULL)
        item->number = number;
    return item;
}

static struct lvm_item *parse_value(struct parser *p)
{
    if (!take(p, '['))
        return parse_scalar(p);
    struct lvm_item *array = item_new(p, LVM_ARRAY), **end;
    if (array == NULL)
        return NULL;
    for (end = &array->first; !take(p, ']'); end = &(*end)->next) {
        if (end != &array->first && !take(p, ',')) {
            wrong(p, "',' or ']'");
            return NULL;
        }
        *end = parse_scalar(p);
        if (*end == NULL)
            return NULL;
    }
    return array;
}

static void append(struct parser *p, struct lvm_item *item)
{
    struct lvm_item **last = &p->open[p->depth].last;
    if (*last == NULL)
        p->open[p->depth].section->first = item;
    else
        (*last)->next = item;
    *last = item;
}

static bool parse_member(struct parser *p)
{
    size_t n = word_length(p);
    if (n == 0)
        return wrong(p, "a name");
    const char *name = keep(p, p->text + p->pos, n);
    if (name == NULL)
        return false;
    p->pos += n;
    bool section = take(p, '{');
    if (!section && !take(p, '='))
        return wrong(p, "'{' or '='");
    struct lvm_item *item = section ? item_new(p, LVM_SECTION) : parse_value(p);
    if (item == NULL)
        return false;
    item->name = name;
    append(p, item);
    if (!section)
        return true;
    if (p->depth == LIMIT_LVM_NESTING)
        return fail_limit(p->error, "%s: LVM metadata: more than %d sections deep at byte %zu",
                          p->what, LIMIT_LVM_NESTING, p->pos);
    p->open[++p->depth].section = item;
    p->open[p->depth].last = NULL;
    return true;
}

struct lvm_item *lvm_text_parse(const char *text, size_t len, const char *what, struct arena *arena,
                                GError **error)
{
    struct parser p = {
        .text = text, .len = strnlen(text, len), .what = what, .arena = arena, .error = error
    };
    p.open[0].section = item_new(&p, LVM_SECTION);
    if (p.open[0].section == NULL)
        return NULL;
    for (;;) {
        if (take(&p, '}')) {
            if (p.depth == 0) {
                wrong(&p, "a name");
                return NULL;
            }
            p.depth--;
        } else if (p.pos >= p.len) {
            break;
        } else if (!parse_member(&p)) {
            return NULL;
        }
    }
    if (p.depth > 0) {
        wrong(&p, "'}'");
        return NULL;
    }
    return p.open[0].section;
}

const struct lvm_item *lvm_item_get(const struct lvm_item *section, const char *name,
                                    enum lvm_item_kind kind)
{
    for (const struct lvm_item *i = section->first; i != NULL; i = i->next) {
        if (i->kind == kind && g_str_equal(i->name, name))
            return i;
    }
    return NULL;
}

bool lvm_item_number(const struct lvm_item *section, const char *name, uint64_t *out)
{
    const struct lvm_item *item = lvm_item_get(section, name, LVM_NUMBER);
    if (item == NULL || item->number < 0)
        return false;
    *out = (uint64_t)item->number;
    return true;
}

const char *lvm_item_text(const struct lvm_item *section, const char *name)
{
    const struct lvm_item *item = lvm_item_get(section, name, LVM_STRING);
    return item != NULL ? item->text : NULL;
}

bool lvm_item_has(const struct lvm_item *section, const char *name, const char *word)
{
    const struct lvm_item *array = lvm_item_get(section, name, LVM_ARRAY);
    for (const struct lvm_item *i = array != NULL ? array->first : NULL; i != NULL; i = i->next) {
        if (i->kind == LVM_STRING && g_str_equal(i->text, word))
            return true;
    }
    return false;
}
