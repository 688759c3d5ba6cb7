#include "base/arena.h"

#include <string.h>

#define CHUNK_MIN 4096
#define CHUNK_MAX (256 * 1024)

struct chunk {
    struct chunk *next;
    size_t size, used; /* of data */
    max_align_t data[];
};

struct arena {
    struct chunk *head;
    size_t max, total; /* bytes of chunks, headers included */
    size_t next_size;
};

struct arena *arena_new(size_t max)
{
    struct arena *a = g_new0(struct arena, 1);
    a->max = max;
    a->next_size = CHUNK_MIN;
    return a;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    struct chunk *c = a->head;
    while (c != NULL) {
        struct chunk *next = c->next;
        g_free(c);
        c = next;
    }
    g_free(a);
}

static struct chunk *arena_grow(struct arena *a, size_t need)
{
    size_t size = MAX(need, a->next_size);
    if (size > a->max || a->total > a->max - size)
        size = need; /* near the ceiling: take just what is needed */
    if (size > a->max || a->total > a->max - size)
        return NULL;
    struct chunk *c = g_try_malloc(sizeof *c + size);
    if (c == NULL)
        return NULL;
    c->size = size;
    c->used = 0;
    c->next = a->head;
    a->head = c;
    a->total += size;
    a->next_size = MIN(a->next_size * 2, (size_t)CHUNK_MAX);
    return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = sizeof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) / align * align;
    struct chunk *c = a->head;
    if (c == NULL || c->size - c->used < size)
        c = arena_grow(a, size);
    if (c == NULL)
        return NULL;
    void *p = (char *)c->data + c->used;
    c->used += size;
    return memset(p, 0, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *p = arena_alloc(a, len + 1);
    if (p != NULL)
        memcpy(p, s, len);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s == NULL ? NULL : arena_strndup(a, s, strlen(s));
}

void arena_clear(struct arena *a)
{
    if (a->head == NULL)
        return;
    struct chunk *c = a->head->next;
    while (c != NULL) {
        struct chunk *next = c->next;
        a->total -= c->size;
        g_free(c);
        c = next;
    }
    a->head->next = NULL;
    a->head->used = 0;
}

size_t arena_used(const struct arena *a)
{
    return a->total;
}
