/* Records of the log, and the transactions in them.
 *
 * The data of a record are operations: a header of 12 bytes (u32 transaction, u32 length, u8 who,
 * u8 flags, u16 0), and bytes. Those of a transaction are a header of its own, then items, each
 * made of regions; the first region of an item says how many. Regions may be split over
 * operations, operations of transactions are mixed. */
#include "fs/xfs_log.h"

#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/limits.h"

/* Records that may be under way at the same time, and so be torn together. */
#define TORN_TRIES (LOG_MAX_RECORDS * 2u)

struct transaction {
    uint8_t header[LOG_TRANSACTION_HEADER];
    size_t header_len; /* as far as it has come */
    GPtrArray *items;  /* struct xfs_log_item * */
};

struct reader {
    const struct xfs_ring *ring;
    GHashTable *pending; /* uint32_t id -> struct transaction * */
    uint64_t bytes;      /* in pending transactions */
    xfs_log_func func;
    void *user;
};

/* --- transactions -------------------------------------------------------------------------------
 */

static void region_clear(gpointer p)
{
    g_free(((struct xfs_log_region *)p)->bytes);
}

static void item_free(gpointer p)
{
    struct xfs_log_item *item = p;
    g_array_unref(item->regions);
    g_free(item);
}

static void transaction_free(gpointer p)
{
    struct transaction *t = p;
    g_ptr_array_unref(t->items);
    g_free(t);
}

static bool charge(struct reader *r, size_t bytes, GError **error)
{
    r->bytes += bytes + sizeof(struct xfs_log_region);
    return r->bytes <= LIMIT_JOURNAL_OVERLAY ||
           fail_limit(error, "transactions of more than %u bytes", LIMIT_JOURNAL_OVERLAY);
}

static struct xfs_log_item *last_item(const struct transaction *t)
{
    return t->items->len == 0 ? NULL : g_ptr_array_index(t->items, t->items->len - 1);
}

/* The first region of an item: u16 type, u16 number of its regions, ... */
static bool begin_item(struct transaction *t, const uint8_t *bytes, size_t len, GError **error)
{
    const struct cursor c = cursor_of(bytes, len);
    uint16_t type, total;
    if (!rd_le16_at(&c, 0, &type) || !rd_le16_at(&c, 2, &total) || total == 0)
        return fail_corrupt(error, "an item without a description");
    struct xfs_log_item *item = g_new0(struct xfs_log_item, 1);
    item->type = type;
    item->total = total;
    item->regions = g_array_new(FALSE, FALSE, sizeof(struct xfs_log_region));
    g_array_set_clear_func(item->regions, region_clear);
    g_ptr_array_add(t->items, item);
    return true;
}

static bool take_header(struct transaction *t, const uint8_t *bytes, size_t len, GError **error)
{
    const struct cursor c = cursor_of(t->header, sizeof t->header);
    uint32_t magic = 0;
    if (len > sizeof t->header - t->header_len)
        return fail_corrupt(error, "a transaction with too long a header");
    memcpy(t->header + t->header_len, bytes, len);
    t->header_len += len;
    (void)rd_le32_at(&c, 0, &magic);
    return t->header_len < sizeof t->header || magic == XFS_LOG_TRANSACTION_MAGIC ||
           fail_corrupt(error, "a transaction without a header");
}

static bool add_region(struct reader *r, struct transaction *t, const uint8_t *bytes, size_t len,
                       GError **error)
{
    struct xfs_log_item *item = last_item(t);
    if (len == 0)
        return true;
    if (!charge(r, len, error))
        return false;
    if (t->header_len < sizeof t->header)
        return take_header(t, bytes, len, error);
    if (item == NULL || item->regions->len == item->total) {
        if (!begin_item(t, bytes, len, error))
            return false;
        item = last_item(t);
    }
    const struct xfs_log_region region = { .bytes = g_memdup2(bytes, len), .len = len };
    g_array_append_val(item->regions, region);
    return true;
}

/* The rest of a region that an operation before began. */
static bool continue_region(struct reader *r, struct transaction *t, const uint8_t *bytes,
                            size_t len, GError **error)
{
    struct xfs_log_item *item = last_item(t);
    if (!charge(r, len, error))
        return false;
    if (t->header_len < sizeof t->header)
        return take_header(t, bytes, len, error);
    if (item == NULL || item->regions->len == 0)
        return fail_corrupt(error, "the rest of a region that did not begin");
    struct xfs_log_region *last =
        &g_array_index(item->regions, struct xfs_log_region, item->regions->len - 1);
    last->bytes = g_realloc(last->bytes, last->len + len);
    memcpy(last->bytes + last->len, bytes, len);
    last->len += len;
    return true;
}

static bool commit(struct reader *r, uint32_t id, struct transaction *t, uint64_t lsn,
                   GError **error)
{
    struct xfs_log_item *item = last_item(t);
    if (item != NULL && item->regions->len != item->total)
        return fail_corrupt(error, "a transaction with an item cut short");
    bool ok = r->func(t->items, lsn, r->user, error);
    g_hash_table_remove(r->pending, GUINT_TO_POINTER(id));
    if (g_hash_table_size(r->pending) == 0)
        r->bytes = 0;
    return ok;
}

/* --- operations ---------------------------------------------------------------------------------
 */

static bool take_operation(struct reader *r, uint32_t id, uint8_t flags, const uint8_t *bytes,
                           size_t len, uint64_t lsn, GError **error)
{
    struct transaction *t = g_hash_table_lookup(r->pending, GUINT_TO_POINTER(id));
    if (t == NULL) {
        /* Of those that began before the tail nothing is missing. */
        if ((flags & XFS_LOG_START) == 0)
            return true;
        t = g_new0(struct transaction, 1);
        t->items = g_ptr_array_new_with_free_func(item_free);
        g_hash_table_insert(r->pending, GUINT_TO_POINTER(id), t);
        return charge(r, sizeof *t, error);
    }
    if (flags & XFS_LOG_UNMOUNT) {
        g_hash_table_remove(r->pending, GUINT_TO_POINTER(id));
        return true;
    }
    if (flags & XFS_LOG_COMMIT)
        return commit(r, id, t, lsn, error);
    if (flags & XFS_LOG_START)
        return fail_corrupt(error, "a transaction that begins twice");
    if (flags & XFS_LOG_WAS_CONTINUED)
        return continue_region(r, t, bytes, len, error);
    return add_region(r, t, bytes, len, error);
}

static bool take_data(struct reader *r, const struct xfs_log_header *h, struct cursor c,
                      GError **error)
{
    uint32_t id, len;
    uint8_t who, flags;
    const uint8_t *bytes;
    for (uint32_t i = 0; i < h->ops; i++) {
        if (!rd_be32(&c, &id) || !rd_be32(&c, &len) || !rd_u8(&c, &who) || !rd_u8(&c, &flags) ||
            !cursor_skip(&c, 2) || !rd_bytes(&c, len, &bytes))
            return fail_corrupt(error, "operations that reach past its end");
        if (!take_operation(r, id, flags, bytes, len, h->lsn, error))
            return false;
    }
    return true;
}

/* --- records ------------------------------------------------------------------------------------
 */

/* Puts back what stood where the numbers of turns are: in the header, and, for what one header does
 * not cover, in those behind it (u32 turn, then words). */
static void restore_words(uint8_t *record, uint64_t headers, uint64_t blocks)
{
    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t header = i / LOG_HEADER_WORDS, word = i % LOG_HEADER_WORDS;
        const uint8_t *from = record + header * XFS_BASIC_BLOCK +
                              (header == 0 ? LOG_WORDS : LOG_MORE_WORDS) + 4 * word;
        memcpy(record + (headers + i) * XFS_BASIC_BLOCK, from, 4);
    }
}

/* The checksum covers the header (which has 4 bytes more where the machine aligns to 8), what is
 * used of the others, and the data, with the numbers of turns in them. */
static bool crc_of_size(const uint8_t *record, const struct xfs_log_header *h, size_t header_size)
{
    static const uint8_t zero[4];
    uint64_t headers = xfs_log_header_blocks(h);
    uint64_t used = (h->length + (uint64_t)LOG_HEADER_COVERS - 1) / LOG_HEADER_COVERS;
    uint32_t crc = crc32c_update(~0u, record, LOG_CRC);
    crc = crc32c_update(crc, zero, sizeof zero);
    crc = crc32c_update(crc, record + LOG_CRC + 4, header_size - LOG_CRC - 4);
    for (uint64_t i = 1; i < used; i++)
        crc = crc32c_update(crc, record + i * XFS_BASIC_BLOCK, LOG_MORE_SIZE);
    return ~crc32c_update(crc, record + headers * XFS_BASIC_BLOCK, h->length) == h->crc;
}

static bool record_whole(const struct xfs_ring *r, const uint8_t *record,
                         const struct xfs_log_header *h)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    const bool believed = true;
#else
    /* Version 4 may go without. */
    const bool believed = h->crc == 0 && !r->fs->super.v5;
#endif
    return believed || crc_of_size(record, h, LOG_HEADER_SIZE) ||
           crc_of_size(record, h, LOG_HEADER_SIZE - 4);
}

static bool check_header(const struct xfs_ring *r, const struct xfs_log_header *h, uint64_t at,
                         GError **error)
{
    if (h->record_size > LOG_MAX_RECORD || h->length > LOG_MAX_RECORD ||
        xfs_lsn_block(h->lsn) != at ||
        (h->length + LOG_HEADER_COVERS - 1) / LOG_HEADER_COVERS > xfs_log_header_blocks(h) ||
        xfs_log_record_blocks(h) > r->count)
        return fail_corrupt(error, "an impossible record at block %" G_GUINT64_FORMAT, at);
    if (h->format != XFS_LOG_LITTLE_ENDIAN)
        return fail_unsupported(error, "a log of another kind of machine");
    return true;
}

/* The record at *at, which is moved behind it. *whole: false when it did not all arrive, and then
 * nothing is taken from it. */
static bool take_record(struct reader *r, uint64_t *at, bool *whole, GError **error)
{
    const struct xfs_ring *ring = r->ring;
    uint8_t first[XFS_BASIC_BLOCK];
    struct xfs_log_header h;
    if (!xfs_ring_read(ring, *at, 1, first, error))
        return false;
    if (!xfs_log_header_parse(first, &h))
        return fail_corrupt(error, "no record at block %" G_GUINT64_FORMAT, *at);
    if (!check_header(ring, &h, *at, error))
        return false;
    uint64_t headers = xfs_log_header_blocks(&h), blocks = xfs_log_record_blocks(&h);
    g_autofree uint8_t *record = g_malloc(blocks * XFS_BASIC_BLOCK);
    if (!xfs_ring_read(ring, *at, blocks, record, error))
        return false;
    *whole = record_whole(ring, record, &h);
    if (!*whole)
        return true;
    restore_words(record, headers, blocks - headers);
    *at = (*at + blocks) % ring->count;
    return take_data(r, &h, cursor_of(record + headers * XFS_BASIC_BLOCK, h.length), error);
}

/* *torn: the record that did not arrive whole, else the head. */
static bool read_from_tail(struct reader *r, uint64_t head, uint64_t *torn, GError **error)
{
    const struct xfs_ring *ring = r->ring;
    struct xfs_log_header h;
    uint64_t at, used = 0;
    if (!xfs_log_find_record(ring, head, &at, &h, error))
        return false;
    at = xfs_lsn_block(h.tail);
    if (at >= ring->count)
        return fail_corrupt(error, "a tail outside it");
    *torn = head;
    while (at != head % ring->count) {
        uint64_t before = at;
        bool whole = false;
        if (!take_record(r, &at, &whole, error))
            return false;
        if (!whole) {
            *torn = at;
            return true;
        }
        used += (at + ring->count - before) % ring->count;
        if (used > ring->count)
            return fail_corrupt(error, "records that do not end at its head");
    }
    return true;
}

static bool ignore(GPtrArray *items, uint64_t lsn, void *user, GError **error)
{
    return true;
}

static bool read_once(const struct xfs_ring *ring, uint64_t head, uint64_t *torn, xfs_log_func func,
                      void *user, GError **error)
{
    struct reader r = { .ring = ring, .func = func, .user = user };
    r.pending = g_hash_table_new_full(NULL, NULL, NULL, transaction_free);
    bool ok = read_from_tail(&r, head, torn, error);
    g_hash_table_unref(r.pending);
    return ok;
}

bool xfs_log_read(const struct xfs_ring *r, uint64_t *head, xfs_log_func func, void *user,
                  GError **error)
{
    uint64_t torn;
    for (unsigned i = 0; i < TORN_TRIES; i++) {
        if (!read_once(r, *head, &torn, ignore, NULL, error))
            return false;
        if (torn == *head)
            return read_once(r, *head, &torn, func, user, error);
        uint64_t lost = (*head + r->count - torn) % r->count;
        if (lost > LOG_MAX_RECORDS * (LOG_MAX_RECORD / XFS_BASIC_BLOCK + 8))
            break;
        *head = torn;
    }
    return fail_corrupt(error, "a record with a wrong checksum at block %" G_GUINT64_FORMAT, torn);
}
