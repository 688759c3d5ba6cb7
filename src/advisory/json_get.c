#include "advisory/json_get.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"

const char *json_get_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const char *json_get_field(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_string_length(value) <= LIMIT_FEED_FIELD ? json_string_value(value) : NULL;
}

const json_t *json_get_array(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_array(value) ? value : NULL;
}

const json_t *json_get_object(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_object(value) ? value : NULL;
}

int64_t feed_time(const char *text)
{
    int64_t seconds;
    /* Year 1 stands for "not known" in feeds written by Go programs. */
    return text != NULL && text_parse_time(text, &seconds) && seconds > 0 ? seconds : 0;
}

int64_t json_get_time(const json_t *object, const char *key)
{
    return feed_time(json_get_field(object, key));
}

/* Every CVE of the kernel begins so; the subject of the commit follows as a paragraph. */
#define KERNEL_PHRASE "In the Linux kernel, the following vulnerability has been resolved:"

const char *feed_title(GStringChunk *strings, const char *text)
{
    if (text == NULL)
        return NULL;
    bool kernel = g_str_has_prefix(text, KERNEL_PHRASE);
    if (kernel)
        text += strlen(KERNEL_PHRASE);
    char title[LIMIT_FEED_TITLE + 4];
    size_t n = 0;
    bool cut = false;
    for (const char *p = text; *p != '\0' && !cut; p++) {
        bool blank = g_ascii_isspace(*p) || g_ascii_iscntrl(*p);
        if (kernel && n > 0 && p[0] == '\n' && p[1] == '\n')
            break;
        if (blank && (n == 0 || title[n - 1] == ' '))
            continue;
        /* A sentence ends at a full stop behind a word, not behind an initial or "e.g.". */
        if (blank && n > 40 && title[n - 1] == '.' && title[n - 3] != '.')
            break;
        title[n++] = blank ? ' ' : *p;
        cut = n == LIMIT_FEED_TITLE;
    }
    if (cut) {
        while (n > LIMIT_FEED_TITLE - 40 && title[n - 1] != ' ')
            n--;
        while (n > 0 && ((unsigned char)title[n - 1] & 0xc0) == 0x80)
            n--;
        if (n > 0 && (unsigned char)title[n - 1] >= 0xc0)
            n--;
    }
    while (n > 0 && (title[n - 1] == ' ' || title[n - 1] == '.'))
        n--;
    if (cut && n > 0) {
        memcpy(title + n, "\xe2\x80\xa6", 3); /* an ellipsis */
        n += 3;
    }
    return n > 0 ? g_string_chunk_insert_len(strings, title, (gssize)n) : NULL;
}
