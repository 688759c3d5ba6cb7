#include "snapshot/rbd_copy.h"

#if HAVE_RBD
#include <errno.h>
#include <string.h>

#include "base/error.h"

/* Read and written at a time; the size of an object that images usually have. */
#define PIECE_BYTES (4u << 20)
/* Pieces that are being written while the next is read. */
#define IN_FLIGHT 4
/* For as long as a killed client's watch lasts (osd_client_watch_timeout, 30 s) and a bit. */
#define BUSY_TRIES 40
#define BUSY_PAUSE G_USEC_PER_SEC

struct slot {
    uint8_t *bytes;
    uint64_t off, len;
    rbd_completion_t done; /* NULL: not being written */
};

struct copy {
    struct rbd_pool *pool;
    rbd_image_t image;
    struct slot slots[IN_FLIGHT];
};

static bool settle(struct copy *c, struct slot *s, GError **error)
{
    const struct librbd *lib = c->pool->lib;
    if (s->done == NULL)
        return true;
    (void)lib->rbd_aio_wait_for_complete(s->done);
    int64_t r = lib->rbd_aio_get_return_value(s->done);
    lib->rbd_aio_release(s->done);
    s->done = NULL;
    return r >= 0 ||
           fail_rbd(error, r, "%s: writing the copy at %" G_GUINT64_FORMAT, c->pool->label, s->off);
}

static bool write_slot(struct copy *c, struct slot *s, GError **error)
{
    const struct librbd *lib = c->pool->lib;
    int r = lib->rbd_aio_create_completion(NULL, NULL, &s->done);
    if (r < 0) {
        s->done = NULL;
        return fail_rbd(error, r, "%s: writing the copy", c->pool->label);
    }
    r = lib->rbd_aio_write(c->image, s->off, s->len, (const char *)s->bytes, s->done);
    if (r >= 0)
        return true;
    lib->rbd_aio_release(s->done);
    s->done = NULL;
    return fail_rbd(error, r, "%s: writing the copy", c->pool->label);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

static bool copy_bytes(struct copy *c, struct block *from, const struct snapshot_options *options,
                       GError **error)
{
    struct block_extent e;
    unsigned turn = 0;
    for (uint64_t off = 0; off < from->size; off += e.len) {
        struct slot *s = &c->slots[turn];
        if (!snapshot_wanted(options, error) || !block_extent_at(from, off, &e, error))
            return false;
        if (e.zero)
            continue;
        e.len = MIN(e.len, PIECE_BYTES - off % PIECE_BYTES);
        if (!settle(c, s, error) || !block_read(from, off, s->bytes, e.len, error))
            return false;
        if (is_zero(s->bytes, e.len))
            continue;
        s->off = off;
        s->len = e.len;
        if (!write_slot(c, s, error))
            return false;
        turn = (turn + 1) % IN_FLIGHT;
    }
    return true;
}

static bool write_copy(struct rbd_pool *pool, struct block *from, const char *name,
                       const struct snapshot_options *options, GError **error)
{
    const struct librbd *lib = pool->lib;
    struct copy c = { .pool = pool };
    int r = lib->rbd_open(pool->io, name, &c.image, NULL);
    if (r < 0)
        return fail_rbd(error, r, "%s: opening the copy", pool->label);
    for (unsigned i = 0; i < IN_FLIGHT; i++)
        c.slots[i].bytes = g_malloc(PIECE_BYTES);
    bool ok = copy_bytes(&c, from, options, error);
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        ok = settle(&c, &c.slots[i], ok ? error : NULL) && ok;
        g_free(c.slots[i].bytes);
    }
    r = lib->rbd_close(c.image);
    return ok && (r >= 0 || fail_rbd(error, r, "%s: closing the copy", pool->label));
}

/* Objects of the same size and in the same pool. */
static int layout(struct rbd_pool *pool, rbd_image_t like, rbd_image_options_t options)
{
    const struct librbd *lib = pool->lib;
    rbd_image_info_t info;
    char data_pool[256];
    int64_t id = lib->rbd_get_data_pool_id(like);
    int r = lib->rbd_stat(like, &info, sizeof info);
    if (r >= 0)
        r = lib->rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_ORDER,
                                              (uint64_t)info.order);
    if (r >= 0)
        r = lib->rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_FEATURES,
                                              RBD_FEATURE_LAYERING | RBD_FEATURE_EXCLUSIVE_LOCK |
                                                  RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_FAST_DIFF);
    if (r < 0 || id < 0 || id == lib->rados_ioctx_get_id(pool->io))
        return r;
    r = lib->rados_pool_reverse_lookup(pool->cluster, id, data_pool, sizeof data_pool);
    return r < 0
               ? r
               : lib->rbd_image_options_set_string(options, RBD_IMAGE_OPTION_DATA_POOL, data_pool);
}

bool rbd_copy_make(struct rbd_pool *pool, rbd_image_t like, struct block *from, const char *name,
                   const struct snapshot_options *options, GError **error)
{
    const struct librbd *lib = pool->lib;
    rbd_image_options_t with;
    lib->rbd_image_options_create(&with);
    int r = layout(pool, like, with);
    if (r >= 0)
        r = lib->rbd_create4(pool->io, name, from->size, with);
    lib->rbd_image_options_destroy(with);
    if (r < 0)
        return fail_rbd(error, r, "%s: making the copy %s", pool->label, name);
    return write_copy(pool, from, name, options, error);
}

bool rbd_copy_drop(struct rbd_pool *pool, const char *name, const struct snapshot_options *options,
                   GError **error)
{
    for (unsigned i = 0;; i++) {
        int r = pool->lib->rbd_remove(pool->io, name);
        if (r >= 0 || r == -ENOENT)
            return true;
        if (r != -EBUSY || i == BUSY_TRIES)
            return fail_rbd(error, r, "%s: removing the copy %s", pool->label, name);
        if (!snapshot_wanted(options, error))
            return false;
        g_usleep(BUSY_PAUSE);
    }
}

#endif
