/* A cache for blocks that answer slowly (a server): lines of 64 KiB, so that the many small reads
 * of a filesystem walk become few, and never more than a fixed amount of memory. Who goes on where
 * a read ended gets twice as much at once each time, up to FETCH_LINES; holes are not read ahead.
 */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "block/block.h"
#include "block/lru.h"

#define CACHE_BYTES (16u << 20)
#define LINE_BYTES  UINT64_C(65536)
/* Lines that one read below fetches at most. */
#define FETCH_LINES 16
/* A read of this many bytes is streaming: it passes by, so as not to push out all else. */
#define STREAM_BYTES (1u << 20)

/* Files and tables that are read at the same time, in turn. */
#define STREAMS 8

struct stream {
    uint64_t next;   /* line behind the last one that was read; 0: no stream */
    uint64_t window; /* lines of its last read */
};

struct cache {
    struct block block;
    struct block *under;
    struct lru *lines;
    uint32_t owner;
    GMutex lock; /* all below */
    struct stream streams[STREAMS];
    unsigned oldest;
};

/* Takes note of a read of lines [first, first+count). Returns how many would be read as part of a
 * stream; count: it is none. */
static uint64_t window_of(struct cache *c, uint64_t first, uint64_t count)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&c->lock);
    struct stream *s = NULL;
    for (unsigned i = 0; i < STREAMS; i++) {
        if (first > 0 && c->streams[i].next == first)
            s = &c->streams[i];
    }
    if (s == NULL) {
        s = &c->streams[c->oldest];
        c->oldest = (c->oldest + 1) % STREAMS;
        s->window = count;
    } else {
        s->window = MAX(count, min_u64(2 * s->window, FETCH_LINES));
    }
    s->next = first + s->window;
    return s->window;
}

/* The read has ended before the window did. */
static void window_ended(struct cache *c, uint64_t wanted, uint64_t end)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&c->lock);
    for (unsigned i = 0; i < STREAMS; i++) {
        if (c->streams[i].next == wanted)
            c->streams[i].next = end;
    }
}

/* How many lines to read where [first, first+count) is missing: as far as the window goes, and no
 * further than there is data that is not here yet. */
static uint64_t lines_to_read(struct cache *c, uint64_t first, uint64_t count)
{
    uint64_t window = window_of(c, first, count), n = count;
    for (; n < window && (first + n) * LINE_BYTES < c->under->size; n++) {
        g_autoptr(GBytes) line = lru_get(c->lines, c->owner, first + n);
        struct block_extent e;
        if (line != NULL || !block_extent_at(c->under, (first + n) * LINE_BYTES, &e, NULL) ||
            e.zero)
            break;
    }
    if (n < window)
        window_ended(c, first + window, first + n);
    return n;
}

/* Copies the part of a line that the request wants. */
static void copy_line(GBytes *line, uint64_t index, uint64_t off, uint8_t *buf, size_t len)
{
    uint64_t start = MAX(index * LINE_BYTES, off);
    uint64_t end = min_u64(index * LINE_BYTES + g_bytes_get_size(line), off + len);
    const uint8_t *bytes = g_bytes_get_data(line, NULL);
    if (start < end)
        memcpy(buf + (start - off), bytes + (start - index * LINE_BYTES), (size_t)(end - start));
}

/* Reads the lines [first, first+count) at once and keeps them. */
static bool fetch(struct cache *c, uint64_t first, uint64_t count, uint64_t off, uint8_t *buf,
                  size_t len, GError **error)
{
    uint64_t from = first * LINE_BYTES;
    size_t n = (size_t)min_u64(count * LINE_BYTES, c->under->size - from);
    g_autofree uint8_t *bytes = g_malloc(n);
    if (!block_read(c->under, from, bytes, n, error))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        size_t at = (size_t)(i * LINE_BYTES);
        g_autoptr(GBytes) line = g_bytes_new(bytes + at, (size_t)min_u64(LINE_BYTES, n - at));
        lru_put(c->lines, c->owner, first + i, line);
        copy_line(line, first + i, off, buf, len);
    }
    return true;
}

/* As fetch(), with what is read ahead. When that fails and the lines alone do, too, the first
 * reason is told: by the second time a connection is only lost. */
static bool fetch_ahead(struct cache *c, uint64_t first, uint64_t count, uint64_t off, uint8_t *buf,
                        size_t len, GError **error)
{
    g_autoptr(GError) failure = NULL;
    uint64_t n = lines_to_read(c, first, count);
    if (fetch(c, first, n, off, buf, len, &failure))
        return true;
    if (n > count && fetch(c, first, count, off, buf, len, NULL))
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

static bool read_lines(struct cache *c, uint64_t off, uint8_t *buf, size_t len, GError **error)
{
    uint64_t last = (off + len - 1) / LINE_BYTES, missing = 0;
    for (uint64_t i = off / LINE_BYTES; len > 0 && i <= last; i++) {
        g_autoptr(GBytes) line = lru_get(c->lines, c->owner, i);
        if (line == NULL)
            missing++;
        else
            copy_line(line, i, off, buf, len);
        if (missing > 0 && (line != NULL || i == last || missing == FETCH_LINES)) {
            uint64_t first = line != NULL ? i - missing : i + 1 - missing;
            bool ok = i == last ? fetch_ahead(c, first, missing, off, buf, len, error)
                                : fetch(c, first, missing, off, buf, len, error);
            if (!ok)
                return false;
            missing = 0;
        }
    }
    return true;
}

/* Requests below are whole lines in every case: a server may ask for aligned ones. */
static bool cache_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct cache *c = (struct cache *)b;
    uint8_t *at = buf;
    if (len < STREAM_BYTES)
        return read_lines(c, off, buf, len, error);
    size_t head = (size_t)((LINE_BYTES - off % LINE_BYTES) % LINE_BYTES);
    size_t tail = (size_t)((off + len) % LINE_BYTES);
    size_t middle = len - head - tail;
    return read_lines(c, off, at, head, error) &&
           block_read(c->under, off + head, at + head, middle, error) &&
           read_lines(c, off + head + middle, at + head + middle, tail, error);
}

static bool cache_extent_at(struct block *b, uint64_t off, struct block_extent *out, GError **error)
{
    return block_extent_at(((struct cache *)b)->under, off, out, error);
}

static void cache_interrupt(struct block *b)
{
    block_interrupt(((struct cache *)b)->under);
}

static void cache_close(struct block *b)
{
    struct cache *c = (struct cache *)b;
    lru_free(c->lines);
    g_mutex_clear(&c->lock);
    block_unref(c->under);
}

static const struct block_driver cache_driver = {
    .name = "cache",
    .description = "lines of a slow block kept in memory",
    .read = cache_read,
    .extent_at = cache_extent_at,
    .close = cache_close,
    .interrupt = cache_interrupt,
};

struct block *block_cache_new(struct block *under, const char *name)
{
    struct cache *c = block_alloc(sizeof *c, &cache_driver, name, under->size);
    c->block.sector_size = under->sector_size;
    c->under = block_ref(under);
    c->lines = lru_new(CACHE_BYTES);
    g_mutex_init(&c->lock);
    c->owner = lru_owner_new(c->lines);
    block_note_all(&c->block, under);
    return &c->block;
}
