/* Parts of a version text, and the comparisons that several schemes share. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <string.h>

struct span {
    const char *p, *end;
};

static inline struct span span_of(const char *text)
{
    return (struct span){ text, text + strlen(text) };
}

static inline size_t span_len(struct span s)
{
    return (size_t)(s.end - s.p);
}

static inline bool span_empty(struct span s)
{
    return s.p == s.end;
}

static inline bool span_at(struct span s, char c)
{
    return s.p < s.end && *s.p == c;
}

static inline bool span_at_digit(struct span s)
{
    return s.p < s.end && g_ascii_isdigit(*s.p);
}

static inline bool span_at_letter(struct span s)
{
    return s.p < s.end && g_ascii_isalpha(*s.p);
}

/* The digits (letters) at the beginning, which *s then lies behind. */
static inline struct span span_take_digits(struct span *s)
{
    struct span taken = { s->p, s->p };
    while (span_at_digit(*s))
        taken.end = ++s->p;
    return taken;
}

static inline struct span span_take_letters(struct span *s)
{
    struct span taken = { s->p, s->p };
    while (span_at_letter(*s))
        taken.end = ++s->p;
    return taken;
}

/* What lies before the first (last) c, and *rest behind it; false when there is none. */
static inline bool span_split(struct span s, char c, struct span *before, struct span *rest)
{
    const char *at = span_empty(s) ? NULL : memchr(s.p, c, span_len(s));
    if (at == NULL)
        return false;
    *before = (struct span){ s.p, at };
    *rest = (struct span){ at + 1, s.end };
    return true;
}

static inline bool span_split_last(struct span s, char c, struct span *before, struct span *rest)
{
    const char *at = span_empty(s) ? NULL : memrchr(s.p, c, span_len(s));
    if (at == NULL)
        return false;
    *before = (struct span){ s.p, at };
    *rest = (struct span){ at + 1, s.end };
    return true;
}

/* As bytes; what ends first is less. */
static inline int span_compare(struct span a, struct span b)
{
    size_t m = span_len(a), n = span_len(b);
    int order = m == 0 || n == 0 ? 0 : memcmp(a.p, b.p, m < n ? m : n);
    return order != 0 ? order : m == n ? 0 : m < n ? -1 : 1;
}

/* Two runs of digits as numbers of any size; an empty one is zero. */
static inline int span_compare_numbers(struct span a, struct span b)
{
    while (span_at(a, '0'))
        a.p++;
    while (span_at(b, '0'))
        b.p++;
    size_t m = span_len(a), n = span_len(b);
    if (m != n)
        return m < n ? -1 : 1;
    return span_compare(a, b);
}

/* Every byte is a letter, a digit or one of others. */
static inline bool span_made_of(struct span s, const char *others)
{
    for (; s.p < s.end; s.p++)
        if (!g_ascii_isalnum(*s.p) && strchr(others, *s.p) == NULL)
            return false;
    return true;
}
