/* Arena: memory that is allocated piece by piece and freed at once, with a ceiling.
 *
 * One arena per scan or request. Not thread-safe. An allocation that would pass the ceiling, or
 * that the system refuses, returns NULL: callers turn that into ASSAY_ERROR_LIMIT. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* max: ceiling in bytes over all allocations. */
struct arena *arena_new(size_t max);
void arena_free(struct arena *a);
typedef struct arena arena; /* for g_autoptr(arena) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(arena, arena_free)

/* Zeroed, aligned for any type. NULL when the ceiling is reached. */
void *arena_alloc(struct arena *a, size_t size);
/* Copies len bytes and adds a NUL. NULL when the ceiling is reached. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
/* NULL for NULL. */
char *arena_strdup(struct arena *a, const char *s);
/* Forgets all allocations and keeps one piece of memory for the next. */
void arena_clear(struct arena *a);
size_t arena_used(const struct arena *a);

#define arena_new0(a, type) ((type *)arena_alloc((a), sizeof(type)))
