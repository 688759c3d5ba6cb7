#include "block/rbd.h"

#include "config.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"

#if HAVE_RBD
#include <errno.h>
#include <string.h>

#include "block/account.h"
#include "block/librbd.h"
#include "block/recorder.h"

/* Runs of data that one read asks for at once. */
#define IN_FLIGHT 16

struct rbd {
    struct block block;
    struct rbd_pool *pool;
    rbd_image_t image;
    GArray *data; /* struct block_range, in order and apart; NULL: all is data */
};

/* Index of the first run that ends behind off. */
static guint run_after(const GArray *data, uint64_t off)
{
    guint low = 0, high = data->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const struct block_range *r = &g_array_index(data, struct block_range, middle);
        if (r->off + r->len <= off)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool rbd_extent_at(struct block *b, uint64_t off, struct block_extent *out, GError **error)
{
    const struct rbd *rbd = (struct rbd *)b;
    *out = (struct block_extent){ .len = b->size - off };
    if (rbd->data == NULL)
        return true;
    guint i = run_after(rbd->data, off);
    out->zero = true;
    if (i == rbd->data->len)
        return true;
    const struct block_range *r = &g_array_index(rbd->data, struct block_range, i);
    out->zero = r->off > off;
    out->len = (out->zero ? r->off : r->off + r->len) - off;
    return true;
}

struct piece {
    uint64_t off;
    size_t len;
    rbd_completion_t done;
};

/* Waits for all: they write to the reader's buffer. */
static bool await(struct rbd *rbd, const struct piece *pieces, guint count, GError **error)
{
    const struct librbd *lib = rbd->pool->lib;
    bool ok = true;
    for (guint i = 0; i < count; i++) {
        (void)lib->rbd_aio_wait_for_complete(pieces[i].done);
        int64_t got = lib->rbd_aio_get_return_value(pieces[i].done);
        lib->rbd_aio_release(pieces[i].done);
        if (ok && got != (int64_t)pieces[i].len)
            ok = fail_rbd(error, got < 0 ? got : -EIO, "%s: reading at %" G_GUINT64_FORMAT,
                          rbd->block.name, pieces[i].off);
        block_account_read(pieces[i].len);
    }
    return ok;
}

static bool start(struct rbd *rbd, struct piece *p, void *buf, GError **error)
{
    const struct librbd *lib = rbd->pool->lib;
    int r = lib->rbd_aio_create_completion(NULL, NULL, &p->done);
    if (r < 0)
        return fail_rbd(error, r, "%s: reading", rbd->block.name);
    r = lib->rbd_aio_read(rbd->image, p->off, p->len, buf, p->done);
    if (r >= 0)
        return true;
    lib->rbd_aio_release(p->done);
    return fail_rbd(error, r, "%s: reading at %" G_GUINT64_FORMAT, rbd->block.name, p->off);
}

static bool rbd_block_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct rbd *rbd = (struct rbd *)b;
    struct piece pieces[IN_FLIGHT];
    guint count = 0;
    bool ok = true;
    uint8_t *at = buf;
    while (ok && len > 0) {
        struct block_extent e;
        (void)rbd_extent_at(b, off, &e, NULL);
        size_t part = (size_t)min_u64(e.len, len);
        if (e.zero) {
            memset(at, 0, part);
        } else {
            pieces[count] = (struct piece){ .off = off, .len = part };
            ok = start(rbd, &pieces[count], at, error);
            count += ok ? 1 : 0;
        }
        if (ok && count == IN_FLIGHT) {
            ok = await(rbd, pieces, count, error);
            count = 0;
        }
        at += part;
        off += part;
        len -= part;
    }
    return await(rbd, pieces, count, ok ? error : NULL) && ok;
}

static void rbd_block_close(struct block *b)
{
    struct rbd *rbd = (struct rbd *)b;
    if (rbd->image != NULL)
        (void)rbd->pool->lib->rbd_close(rbd->image);
    rbd_pool_free(rbd->pool);
    if (rbd->data != NULL)
        g_array_unref(rbd->data);
}

static const struct block_driver rbd_driver = {
    .name = "rbd",
    .description = "image of Ceph's block storage",
    .read = rbd_block_read,
    .extent_at = rbd_extent_at,
    .close = rbd_block_close,
};

/* librbd's callback: a run that has data (exists) or that is known to be none. */
static int take_run(uint64_t off, size_t len, int exists, void *user)
{
    GArray *data = user;
    const struct block_range run = { .off = off, .len = len };
    if (exists && len > 0)
        g_array_append_val(data, run);
    return data->len > LIMIT_RBD_RUNS ? -E2BIG : 0;
}

static int by_place(const void *a, const void *b)
{
    const struct block_range *x = a, *y = b;
    return x->off < y->off ? -1 : x->off > y->off;
}

/* In order, merged, and within the image: with striping, runs come in the order of objects. */
static void settle(GArray *data, uint64_t size)
{
    guint kept = 0;
    g_array_sort(data, by_place);
    for (guint i = 0; i < data->len; i++) {
        struct block_range run = g_array_index(data, struct block_range, i);
        struct block_range *last =
            kept > 0 ? &g_array_index(data, struct block_range, kept - 1) : NULL;
        if (run.off >= size)
            break;
        run.len = min_u64(run.len, size - run.off);
        if (last != NULL && run.off <= last->off + last->len)
            last->len = MAX(last->off + last->len, run.off + run.len) - last->off;
        else
            g_array_index(data, struct block_range, kept++) = run;
    }
    g_array_set_size(data, kept);
}

/* What is allocated, by whole objects: from the object map, which costs two reads. Where there is
 * no valid map, librbd asks for each object, which is worth it for small images only. Failures cost
 * no more than reading zeros. */
static void learn_allocation(struct rbd *rbd, const rbd_image_info_t *info)
{
    const struct librbd *lib = rbd->pool->lib;
    uint64_t features = 0, flags = 0;
    g_autoptr(GArray) data = g_array_new(FALSE, FALSE, sizeof(struct block_range));
    bool mapped = lib->rbd_get_features(rbd->image, &features) >= 0 &&
                  (features & RBD_FEATURE_FAST_DIFF) != 0 &&
                  lib->rbd_get_flags(rbd->image, &flags) >= 0 && flags == 0;
    if (!mapped && info->num_objs > LIMIT_RBD_ASKED)
        return;
    if (lib->rbd_diff_iterate2(rbd->image, NULL, 0, info->size, 1, 1, take_run, data) < 0)
        return;
    settle(data, info->size);
    rbd->data = g_steal_pointer(&data);
}

/* Without a snapshot the bytes may be of different moments. */
static void note_use(struct rbd *rbd)
{
    const struct librbd *lib = rbd->pool->lib;
    rbd_image_watcher_t watchers[8];
    size_t count = G_N_ELEMENTS(watchers);
    int r = lib->rbd_watchers_list(rbd->image, watchers, &count);
    if (r >= 0)
        lib->rbd_watchers_list_cleanup(watchers, count);
    if (r == -ERANGE || (r >= 0 && count > 0))
        block_note(&rbd->block, true,
                   "%s is in use and was not read at a snapshot: its newest changes may be torn",
                   rbd->block.name);
}

static bool open_image(struct rbd *rbd, const struct rbd_name *name, GError **error)
{
    const struct librbd *lib = rbd->pool->lib;
    const char *label = rbd->block.name;
    rbd_image_info_t info;
    int r = lib->rbd_open_read_only(rbd->pool->io, name->image, &rbd->image, name->snapshot);
    if (r < 0)
        rbd->image = NULL;
    if (r == -ENOENT)
        return fail(error, ASSAY_ERROR_NOT_FOUND, "%s: there is no such image%s", label,
                    name->snapshot != NULL ? " or snapshot" : "");
    if (r < 0)
        return fail_rbd(error, r, "%s: opening", label);
    r = lib->rbd_stat(rbd->image, &info, sizeof info);
    if (r < 0)
        return fail_rbd(error, r, "%s: finding its size", label);
    rbd->block.size = info.size;
    learn_allocation(rbd, &info);
    if (name->snapshot == NULL)
        note_use(rbd);
    return true;
}

struct block *block_rbd_new(const struct rbd_name *name, const struct rbd_access *access,
                            const char *label, GError **error)
{
    struct rbd_pool *pool = rbd_pool_open(name, access, label, error);
    if (pool == NULL)
        return NULL;
    struct rbd *rbd = block_alloc(sizeof *rbd, &rbd_driver, label, 0);
    g_autoptr(block) b = &rbd->block;
    rbd->pool = pool;
    return open_image(rbd, name, error) ? g_steal_pointer(&b) : NULL;
}

#else

struct block *block_rbd_new(const struct rbd_name *name, const struct rbd_access *access,
                            const char *label, GError **error)
{
    (void)fail_unsupported(error, "%s: this assay was built without librbd", label);
    return NULL;
}

#endif
