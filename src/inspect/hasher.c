#include "inspect/hasher.h"

#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "inspect/hash_pool.h"

#define MAX_WAITING       8192u      /* records */
#define MAX_WAITING_BYTES (8u << 20) /* of their strings */
#define SMALL_FILE        (HASH_BUFFER / 2)
#define HOLE_MIN          (64u << 10) /* smaller ones are filled in */

/* Contents with several names: the first is read, the others wait for their turn, when the first
 * has been handed out. */
struct link {
    struct tree *tree;
    struct tree_node node;
    uint64_t left;  /* names to come, if the link count is right */
    uint64_t users; /* records that wait */
    uint8_t sum[DIGEST_COUNT][DIGEST_MAX];
    char *media, *fault;
    int code;
};

struct item {
    struct frame_file file; /* strings are owned, but for type */
    int code;
    struct hash_result result;
    bool hashed;       /* result counts */
    struct link *link; /* borrowed from the table; NULL */
    bool link_first;
};

struct hasher {
    struct hash_pool *pool;
    hasher_func func;
    void *user;
    GQueue waiting; /* struct item * */
    size_t waiting_bytes;
    uint64_t holes;    /* bytes of zeros hashed without having been read */
    GHashTable *links; /* struct link * */
};

static guint link_hash(gconstpointer p)
{
    const struct link *l = p;
    uint64_t h =
        (l->node.id ^ (l->node.sub << 40) ^ (uintptr_t)l->tree) * UINT64_C(0x9e3779b97f4a7c15);
    return (guint)(h >> 32);
}

static gboolean link_equal(gconstpointer a, gconstpointer b)
{
    const struct link *x = a, *y = b;
    return x->tree == y->tree && tree_node_equal(x->node, y->node);
}

static void link_free(void *p)
{
    struct link *l = p;
    g_free(l->media);
    g_free(l->fault);
    g_free(l);
}

struct hasher *hasher_new(unsigned threads, bool types, GError **error)
{
    struct hash_pool *pool = hash_pool_new(threads, types, error);
    if (pool == NULL)
        return NULL;
    struct hasher *h = g_new0(struct hasher, 1);
    h->pool = pool;
    g_queue_init(&h->waiting);
    h->links = g_hash_table_new_full(link_hash, link_equal, NULL, link_free);
    return h;
}

bool hasher_begin(struct hasher *h, hasher_func func, void *user, GError **error)
{
    h->holes = 0;
    h->func = func;
    h->user = user;
    return hash_pool_start(h->pool, error);
}

/* --- handing out --------------------------------------------------------------------------------
 */

static void hex(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

/* Keeps the first name's result for the others, or takes it over from there. */
static void settle_link(struct hasher *h, struct item *it)
{
    struct link *l = it->link;
    struct hash_result *r = &it->result;
    if (it->link_first) {
        memcpy(l->sum, r->sum, sizeof l->sum);
        l->media = g_strdup(r->media);
        l->fault = g_strdup(it->file.fault);
        l->code = it->code;
    } else {
        memcpy(r->sum, l->sum, sizeof l->sum);
        r->media = g_strdup(l->media);
        it->file.fault = g_strdup(l->fault);
        it->code = l->code;
        it->hashed = l->fault == NULL;
    }
    if (--l->users == 0 && l->left == 0)
        g_hash_table_remove(h->links, l);
}

static size_t string_bytes(const struct frame_file *f)
{
    return strlen(f->path) + (f->target != NULL ? strlen(f->target) : 0);
}

static void item_free(struct item *it)
{
    hash_result_clear(&it->result);
    g_free((char *)it->file.path);
    g_free((char *)it->file.target);
    g_free((char *)it->file.fault);
    g_free(it);
}

/* The one that has waited longest, which is done. */
static void hand_out(struct hasher *h)
{
    struct item *it = g_queue_pop_head(&h->waiting);
    char sums[DIGEST_COUNT][2 * DIGEST_MAX + 1];
    h->waiting_bytes -= string_bytes(&it->file);
    if (it->hashed && it->result.failed) {
        it->hashed = false;
        it->file.fault = g_strdup("no memory to hash it");
        it->code = ASSAY_ERROR_LIMIT;
    }
    if (it->link != NULL)
        settle_link(h, it);
    if (it->hashed) {
        for (unsigned k = 0; k < DIGEST_COUNT; k++)
            hex(sums[k], it->result.sum[k], digest_size(k));
        it->file.sha1 = sums[DIGEST_SHA1];
        it->file.sha256 = sums[DIGEST_SHA256];
        it->file.media_type = it->result.media;
    }
    h->func(&it->file, it->code, h->user);
    item_free(it);
}

/* All that is done; waits for the oldest as long as too many are waiting. */
static void hand_out_some(struct hasher *h, size_t most, size_t most_bytes)
{
    while (!g_queue_is_empty(&h->waiting)) {
        const struct item *it = g_queue_peek_head(&h->waiting);
        if (!hash_done(&it->result)) {
            if (h->waiting.length <= most && h->waiting_bytes <= most_bytes)
                return;
            hash_wait(h->pool, &it->result);
        }
        hand_out(h);
    }
}

/* --- reading ------------------------------------------------------------------------------------
 */

static bool read_small(struct hasher *h, struct item *it, struct tree_file *f, GError **error)
{
    uint8_t *room = hash_batch_room(h->pool, (size_t)f->size);
    size_t got = 0;
    if (f->size > 0 && !tree_file_read(f, 0, room, (size_t)f->size, &got, error))
        return false;
    hash_batch_add(h->pool, &it->result, got, media_is_pie(f, room, got));
    return true;
}

/* A large file on its way through. */
struct reading {
    struct hasher *hasher;
    struct tree_file *file;
    struct hash_stream *stream; /* NULL before the first buffer is full */
    struct hash_result *result;
    uint8_t *buffer; /* being filled; NULL */
    size_t used;
    uint64_t off, zeros; /* read so far; zeros that were not put into a buffer, yet to be told */
};

static void flush_zeros(struct reading *r)
{
    if (r->zeros > 0)
        hash_stream_zeros(r->stream, r->zeros);
    r->zeros = 0;
}

static void flush_buffer(struct reading *r)
{
    if (r->buffer == NULL)
        return;
    if (r->stream == NULL)
        r->stream =
            hash_stream_new(r->hasher->pool, r->result, media_is_pie(r->file, r->buffer, r->used));
    flush_zeros(r);
    hash_stream_add(r->stream, g_steal_pointer(&r->buffer), r->used);
    r->used = 0;
}

static bool skip_hole(struct reading *r, uint64_t len, GError **error)
{
    flush_buffer(r);
    if (len > LIMIT_HASHED_HOLES - r->hasher->holes)
        return fail_limit(
            error, "a hole of %" G_GUINT64_FORMAT " bytes: with those before, too much", len);
    r->hasher->holes += len;
    r->zeros += len;
    r->off += len;
    return true;
}

static bool fill(struct reading *r, bool zero, uint64_t len, GError **error)
{
    size_t got = 0;
    if (r->buffer == NULL)
        r->buffer = hash_buffer(r->hasher->pool);
    size_t n = (size_t)min_u64(len, HASH_BUFFER - r->used);
    if (zero)
        memset(r->buffer + r->used, 0, n);
    else if (!tree_file_read(r->file, r->off, r->buffer + r->used, n, &got, error))
        return false;
    r->used += n;
    r->off += n;
    if (r->used == HASH_BUFFER)
        flush_buffer(r);
    return true;
}

static bool read_step(struct reading *r, GError **error)
{
    struct block_extent e;
    if (!tree_file_extent_at(r->file, r->off, &e, error))
        return false;
    e.len = min_u64(e.len, r->file->size - r->off);
    /* The media type needs the beginning as bytes. */
    if (e.zero && e.len >= HOLE_MIN && r->off >= MEDIA_HEAD)
        return skip_hole(r, e.len, error);
    return fill(r, e.zero, e.len, error);
}

static bool read_large(struct hasher *h, struct item *it, struct tree_file *f, GError **error)
{
    struct reading r = { .hasher = h, .file = f, .result = &it->result };
    bool ok = true;
    while (ok && r.off < f->size)
        ok = read_step(&r, error);
    if (ok) {
        flush_buffer(&r);
        flush_zeros(&r);
    } else if (r.buffer != NULL) {
        hash_buffer_drop(h->pool, r.buffer);
    }
    if (r.stream != NULL)
        hash_stream_end(r.stream);
    return ok;
}

static bool read_contents(struct hasher *h, struct item *it, struct tree *tree,
                          struct tree_node node, GError **error)
{
    g_autoptr(tree_file) f = tree_file_open(tree, node, error);
    if (f == NULL)
        return false;
    return f->size <= SMALL_FILE ? read_small(h, it, f, error) : read_large(h, it, f, error);
}

/* The record of contents that this is a further name of, or a new one. NULL: it is not kept. */
static struct link *find_link(struct hasher *h, struct item *it, struct tree *tree,
                              struct tree_node node)
{
    struct link key = { .tree = tree, .node = node };
    struct link *l = g_hash_table_lookup(h->links, &key);
    if (l != NULL || it->file.nlink < 2 || g_hash_table_size(h->links) >= LIMIT_HARD_LINKS)
        return l;
    l = g_new0(struct link, 1);
    l->tree = tree;
    l->node = node;
    l->left = it->file.nlink;
    g_hash_table_add(h->links, l);
    it->link_first = true;
    return l;
}

static void take_contents(struct hasher *h, struct item *it, struct tree *tree,
                          struct tree_node node)
{
    g_autoptr(GError) error = NULL;
    it->link = find_link(h, it, tree, node);
    if (it->link != NULL) {
        it->link->users++;
        it->link->left -= it->link->left > 0;
        if (!it->link_first)
            return;
    }
    it->hashed = read_contents(h, it, tree, node, &error);
    if (!it->hashed) {
        it->file.fault = g_strdup(error->message);
        it->code = error->code;
    }
}

void hasher_add(struct hasher *h, const struct frame_file *file, int code, struct tree *tree,
                struct tree_node node)
{
    struct item *it = g_new0(struct item, 1);
    it->file = *file;
    it->file.path = g_strdup(file->path);
    it->file.target = g_strdup(file->target);
    it->file.fault = g_strdup(file->fault);
    it->code = code;
    if (file->fault == NULL && g_str_equal(file->type, "file"))
        take_contents(h, it, tree, node);
    h->waiting_bytes += string_bytes(&it->file);
    g_queue_push_tail(&h->waiting, it);
    hand_out_some(h, MAX_WAITING, MAX_WAITING_BYTES);
}

void hasher_finish(struct hasher *h)
{
    hash_batch_flush(h->pool);
    hand_out_some(h, 0, 0);
    g_hash_table_remove_all(h->links);
}

void hasher_free(struct hasher *h)
{
    if (h == NULL)
        return;
    hash_pool_free(h->pool);
    while (!g_queue_is_empty(&h->waiting))
        item_free(g_queue_pop_head(&h->waiting));
    g_hash_table_unref(h->links);
    g_free(h);
}
