/* Exports of NBD servers, over a socket that somebody else has connected. */
#include "config.h"

#include "base/autoclose.h"
#include "base/error.h"
#include "block/block.h"

#if HAVE_NBD
#include <libnbd.h>

#include "base/checked.h"
#include "block/account.h"

/* Larger reads are split: what one lost answer may cost. */
#define REQUEST_BYTES (2u << 20)
/* Parts of one read that are asked for at once. */
#define IN_FLIGHT 4
/* Range of one question about allocation, a multiple of any block size. */
#define STATUS_BYTES (UINT64_C(1) << 30)
/* Extents kept of one answer. */
#define STATUS_EXTENTS 4096

struct nbd {
    struct block block;
    GMutex lock; /* all below */
    struct nbd_handle *handle;
    bool lost;       /* timed out: libnbd may still write to the buffer of that request */
    bool has_status; /* base:allocation was agreed on */
    size_t request_max;
    unsigned timeout; /* seconds that one request may take; 0: any */
    GArray *extents;  /* struct block_extent, of [extents_start, extents_end) */
    uint64_t extents_start, extents_end;
};

/* What libnbd says, without the name of its function, which depends on when it noticed. */
static const char *reason(void)
{
    const char *why = nbd_get_error();
    const char *after = why != NULL && g_str_has_prefix(why, "nbd_") ? strstr(why, ": ") : NULL;
    return why == NULL ? "unknown error" : after != NULL ? after + 2 : why;
}

static bool fail_nbd(struct nbd *n, GError **error, const char *doing)
{
    return fail(error, ASSAY_ERROR_IO, "%s: %s: %s", n->block.name, doing, reason());
}

/* Lets the connection work for a while. False: failed, or no time left. */
static bool step(struct nbd *n, gint64 deadline, const char *doing, GError **error)
{
    gint64 left = deadline - g_get_monotonic_time();
    int wait = n->timeout == 0 ? -1 : (int)(left / 1000) + 1;
    int ready = n->timeout == 0 || left > 0 ? nbd_poll(n->handle, wait) : 0;
    if (ready > 0)
        return true;
    n->lost = true;
    if (ready < 0)
        return fail_nbd(n, error, doing);
    return fail(error, ASSAY_ERROR_IO, "%s: %s: no answer for %u seconds", n->block.name, doing,
                n->timeout);
}

static gint64 deadline_new(const struct nbd *n)
{
    return g_get_monotonic_time() + (gint64)n->timeout * G_USEC_PER_SEC;
}

/* Waits for a command that was sent; cookie < 0: it could not be. */
static bool await(struct nbd *n, int64_t cookie, const char *doing, GError **error)
{
    gint64 deadline = deadline_new(n);
    if (cookie < 0)
        return fail_nbd(n, error, doing);
    for (;;) {
        int done = nbd_aio_command_completed(n->handle, (uint64_t)cookie);
        if (done > 0)
            return true;
        if (done < 0)
            return fail_nbd(n, error, doing);
        if (!step(n, deadline, doing, error))
            return false;
    }
}

static bool check_alive(struct nbd *n, GError **error)
{
    return !n->lost || fail(error, ASSAY_ERROR_IO, "%s: the connection is lost", n->block.name);
}

/* libnbd's callback for each piece of a read that has come. */
static int count_piece(void *user, const void *bytes, size_t count, uint64_t off, unsigned status,
                       int *error_number)
{
    if (status == LIBNBD_READ_DATA)
        block_account_read(count);
    return 0;
}

/* Asks for up to IN_FLIGHT parts and waits for all of them, since libnbd writes to the buffer as
 * long as one is out. *len becomes what has been read. */
static bool read_parts(struct nbd *n, uint64_t off, uint8_t *buf, size_t *len, GError **error)
{
    nbd_chunk_callback counting = { .callback = count_piece };
    uint64_t starts[IN_FLIGHT];
    int64_t cookies[IN_FLIGHT];
    unsigned sent = 0;
    size_t done = 0;
    bool ok = true;
    if (!check_alive(n, error))
        return false;
    while (sent < IN_FLIGHT && done < *len && (sent == 0 || cookies[sent - 1] >= 0)) {
        size_t part = MIN(*len - done, n->request_max);
        starts[sent] = off + done;
        cookies[sent] = nbd_aio_pread_structured(n->handle, buf + done, part, off + done, counting,
                                                 NBD_NULL_COMPLETION, 0);
        done += part;
        sent++;
    }
    for (unsigned i = 0; i < sent && !n->lost; i++) {
        g_autofree char *doing = g_strdup_printf("reading at %" G_GUINT64_FORMAT, starts[i]);
        ok = await(n, cookies[i], doing, ok ? error : NULL) && ok;
    }
    *len = done;
    return ok;
}

static bool nbd_block_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct nbd *n = (struct nbd *)b;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&n->lock);
    for (uint8_t *at = buf; len > 0;) {
        size_t part = len;
        if (!read_parts(n, off, at, &part, error))
            return false;
        at += part;
        off += part;
        len -= part;
    }
    return true;
}

/* libnbd's callback: pairs of length and flags (NBD protocol, base:allocation). */
static int take_extents(void *user, const char *context, uint64_t off, uint32_t *entries,
                        size_t count, int *error_number)
{
    struct nbd *n = user;
    if (!g_str_equal(context, LIBNBD_CONTEXT_BASE_ALLOCATION) || off != n->extents_start)
        return 0;
    for (size_t i = 0; i + 1 < count && n->extents->len < STATUS_EXTENTS; i += 2) {
        const struct block_extent e = { .len = entries[i],
                                        .zero = (entries[i + 1] & LIBNBD_STATE_ZERO) != 0 };
        if (e.len == 0 || !checked_add(n->extents_end, e.len, &n->extents_end))
            return 0;
        g_array_append_val(n->extents, e);
    }
    return 0;
}

static bool ask_extents(struct nbd *n, uint64_t off, GError **error)
{
    uint64_t start = off / REQUEST_BYTES * REQUEST_BYTES;
    uint64_t len = min_u64(STATUS_BYTES, n->block.size - start);
    g_autofree char *doing = g_strdup_printf("allocation at %" G_GUINT64_FORMAT, start);
    nbd_extent_callback callback = { .callback = take_extents, .user_data = n };
    g_array_set_size(n->extents, 0);
    n->extents_start = n->extents_end = start;
    return check_alive(n, error) &&
           await(n, nbd_aio_block_status(n->handle, len, start, callback, NBD_NULL_COMPLETION, 0),
                 doing, error);
}

static bool nbd_block_extent_at(struct block *b, uint64_t off, struct block_extent *out,
                                GError **error)
{
    struct nbd *n = (struct nbd *)b;
    *out = (struct block_extent){ .len = b->size - off };
    if (!n->has_status)
        return true;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&n->lock);
    if ((off < n->extents_start || off >= n->extents_end) && !ask_extents(n, off, error))
        return false;
    uint64_t at = n->extents_start;
    guint i = 0;
    for (; i < n->extents->len; i++) {
        uint64_t end = at + g_array_index(n->extents, struct block_extent, i).len;
        if (off < end)
            break;
        at = end;
    }
    /* The server told less than was asked: up to the next question it is data. */
    if (i == n->extents->len) {
        out->len = min_u64(out->len, REQUEST_BYTES);
        return true;
    }
    out->zero = g_array_index(n->extents, struct block_extent, i).zero;
    for (; i < n->extents->len; i++) {
        const struct block_extent *e = &g_array_index(n->extents, struct block_extent, i);
        if (e->zero != out->zero)
            break;
        at += e->len;
    }
    out->len = min_u64(out->len, at - off);
    return true;
}

static void nbd_block_close(struct block *b)
{
    struct nbd *n = (struct nbd *)b;
    nbd_close(n->handle);
    g_array_unref(n->extents);
    g_mutex_clear(&n->lock);
}

static const struct block_driver nbd_driver = {
    .name = "nbd",
    .description = "export of an NBD server",
    .read = nbd_block_read,
    .extent_at = nbd_block_extent_at,
    .close = nbd_block_close,
};

/* Handshake. Takes fd. */
static bool negotiate(struct nbd *n, int given_fd, const char *export_name, GError **error)
{
    autoclose int fd = given_fd;
    const char *doing = "connecting to the export";
    gint64 deadline = deadline_new(n);
    /* The cache asks for whole lines; whether the last, shorter one may be read, the server says.
     */
    if (nbd_set_export_name(n->handle, export_name) < 0 ||
        nbd_add_meta_context(n->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0 ||
        nbd_set_full_info(n->handle, true) < 0 ||
        nbd_set_strict_mode(n->handle, nbd_get_strict_mode(n->handle) & ~LIBNBD_STRICT_ALIGN) < 0)
        return fail_nbd(n, error, doing);
    if (nbd_aio_connect_socket(n->handle, take_fd(&fd)) < 0)
        return fail_nbd(n, error, doing);
    while (nbd_aio_is_connecting(n->handle) > 0) {
        if (!step(n, deadline, doing, error))
            return false;
    }
    if (nbd_aio_is_ready(n->handle) <= 0)
        return fail_nbd(n, error, doing);
    int64_t size = nbd_get_size(n->handle);
    int64_t request_max = nbd_get_block_size(n->handle, LIBNBD_SIZE_MAXIMUM);
    if (size < 0)
        return fail_nbd(n, error, doing);
    n->block.size = (uint64_t)size;
    n->request_max = request_max > 0 ? MIN((size_t)request_max, REQUEST_BYTES) : REQUEST_BYTES;
    n->has_status = nbd_can_meta_context(n->handle, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
    return true;
}

struct block *block_nbd_new(int given_fd, const char *export_name, const char *name,
                            unsigned timeout, GError **error)
{
    autoclose int fd = given_fd;
    struct nbd_handle *handle = nbd_create();
    if (handle == NULL) {
        fail(error, ASSAY_ERROR_IO, "%s: %s", name, reason());
        return NULL;
    }
    struct nbd *n = block_alloc(sizeof *n, &nbd_driver, name, 0);
    g_autoptr(block) b = &n->block;
    n->handle = handle;
    n->timeout = timeout;
    n->extents = g_array_new(FALSE, FALSE, sizeof(struct block_extent));
    g_mutex_init(&n->lock);
    if (!negotiate(n, take_fd(&fd), export_name, error))
        return NULL;
    return block_cache_new(b, name);
}

#else

struct block *block_nbd_new(int given_fd, const char *export_name, const char *name,
                            unsigned timeout, GError **error)
{
    autoclose int fd = given_fd;
    fail_unsupported(error, "%s: this assay was built without libnbd", name);
    return NULL;
}

#endif
