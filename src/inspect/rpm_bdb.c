/* rpm's Berkeley DB, the default before rpm 4.16: Packages, a hash of 32-bit ids to headers
 * (Berkeley DB's db_page.h; hash versions 8 to 10). Numbers have the byte order of the machine that
 * wrote them.
 *
 *     page 0        the meta page: magic at 12, version 16, page size 20, last page 32
 *     hash pages    at 26 the offsets of their items, keys and values in turn; items lie at the
 *                   end of the page, the first one last, each beginning with its type
 *     overflow      at 22 the bytes on it, which follow at 26; at 16 the next page
 *
 * All pages are looked at in their order, not along the buckets: then no broken link hides a page,
 * and none can lead in a circle. */
#include "base/checked.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/limits.h"
#include "inspect/rpm_database.h"

#define META_SIZE     512u
#define PAGE_HEADER   26u
#define PAGE_SIZE_MIN 512u
#define PAGE_SIZE_MAX 65536u

#define HASH_MAGIC  0x00061561u
#define BTREE_MAGIC 0x00053162u

enum page_type { PAGE_HASH_UNSORTED = 2, PAGE_OVERFLOW = 7, PAGE_HASH = 13 };
enum item_type { ITEM_HERE = 1, ITEM_DUPLICATES = 2, ITEM_OVERFLOW = 3, ITEM_FAR_DUPLICATES = 4 };

struct reader {
    struct block *file;
    const struct rpm_sink *sink;
    bool big; /* big-endian */
    uint32_t page_size, last_page;
    uint8_t *page, *overflow; /* page_size each */
    uint8_t *seen;            /* a bit for each page that was read as overflow */
    uint64_t budget;          /* bytes that may still be read from overflow pages */
    uint64_t packages;
    bool ended;
};

static bool number16(const struct reader *r, const struct cursor *c, size_t off, uint16_t *out)
{
    return r->big ? rd_be16_at(c, off, out) : rd_le16_at(c, off, out);
}

static bool number32(const struct reader *r, const struct cursor *c, size_t off, uint32_t *out)
{
    return r->big ? rd_be32_at(c, off, out) : rd_le32_at(c, off, out);
}

/* --- the meta page ------------------------------------------------------------------------------
 */

static bool check_meta(struct reader *r, const struct cursor *c, GError **error)
{
    const char *name = r->file->name;
    uint32_t version = 0;
    uint8_t cipher = 0, flags = 0;
    (void)number32(r, c, 16, &version);
    (void)number32(r, c, 20, &r->page_size);
    (void)number32(r, c, 32, &r->last_page);
    (void)rd_u8_at(c, 24, &cipher);
    (void)rd_u8_at(c, 26, &flags);
    if (version < 5 || version > 10)
        return fail_unsupported(error, "%s: Berkeley DB hash of version %u", name, version);
    if (cipher != 0)
        return fail_unsupported(error, "%s: encrypted Berkeley DB", name);
    if (flags != 0)
        return fail_unsupported(error, "%s: Berkeley DB with features 0x%x", name, flags);
    if (!is_power_of_2(r->page_size) || r->page_size < PAGE_SIZE_MIN ||
        r->page_size > PAGE_SIZE_MAX)
        return fail_corrupt(error, "%s: pages of %u bytes", name, r->page_size);
    return true;
}

static bool read_meta(struct reader *r, GError **error)
{
    uint8_t bytes[META_SIZE];
    struct cursor c = cursor_of(bytes, sizeof bytes);
    uint32_t little = 0, big = 0;
    if (r->file->size < META_SIZE)
        return fail_corrupt(error, "%s: only %" G_GUINT64_FORMAT " bytes", r->file->name,
                            r->file->size);
    if (!block_read(r->file, 0, bytes, sizeof bytes, error))
        return false;
    (void)rd_le32_at(&c, 12, &little);
    (void)rd_be32_at(&c, 12, &big);
    if (little == BTREE_MAGIC || big == BTREE_MAGIC)
        return fail_unsupported(error, "%s: Berkeley DB of btree form", r->file->name);
    if (little != HASH_MAGIC && big != HASH_MAGIC)
        return fail_corrupt(error, "%s: no Berkeley DB (magic 0x%08x)", r->file->name, little);
    r->big = big == HASH_MAGIC;
    return check_meta(r, &c, error);
}

/* --- overflow pages -----------------------------------------------------------------------------
 */

static bool read_page(struct reader *r, uint32_t number, uint8_t *page, GError **error)
{
    return block_read(r->file, (uint64_t)number * r->page_size, page, r->page_size, error);
}

/* Bytes of one overflow page to out, of which room are wanted; 0 on failure. */
static size_t take_overflow(struct reader *r, uint32_t *number, uint8_t *out, size_t room,
                            GError **error)
{
    struct cursor c = cursor_of(r->overflow, r->page_size);
    const uint8_t *bytes;
    uint16_t len = 0;
    uint32_t self = 0, at = *number;
    uint8_t type = 0;
    if (at == 0 || at > r->last_page) {
        fail_corrupt(error, "overflow page %u of %u", at, r->last_page);
        return 0;
    }
    if (!read_page(r, at, r->overflow, error))
        return 0;
    (void)number32(r, &c, 8, &self);
    (void)number32(r, &c, 16, number);
    (void)number16(r, &c, 22, &len);
    (void)rd_u8_at(&c, 25, &type);
    (void)cursor_seek(&c, PAGE_HEADER);
    if (self != at || type != PAGE_OVERFLOW || len == 0 || len > room ||
        !rd_bytes(&c, len, &bytes)) {
        fail_corrupt(error, "page %u, which says it is %u, of type %u with %u bytes, for %zu", at,
                     self, type, len, room);
        return 0;
    }
    memcpy(out, bytes, len);
    r->seen[at / 8] |= (uint8_t)(1u << at % 8);
    return len;
}

/* g_free() */
static uint8_t *read_overflow(struct reader *r, uint32_t page, uint32_t len, GError **error)
{
    if (len > LIMIT_RPM_HEADER) {
        fail_limit(error, "%u bytes", len);
        return NULL;
    }
    if (!checked_sub(r->budget, (uint64_t)len, &r->budget)) {
        fail_corrupt(error, "headers of more bytes than the file");
        r->ended = true;
        return NULL;
    }
    g_autofree uint8_t *bytes = g_try_malloc(len);
    if (bytes == NULL) {
        fail_limit(error, "no memory for %u bytes", len);
        return NULL;
    }
    for (size_t done = 0; done < len;) {
        size_t n = take_overflow(r, &page, bytes + done, len - done, error);
        if (n == 0)
            return NULL;
        done += n;
    }
    return g_steal_pointer(&bytes);
}

/* --- hash pages ---------------------------------------------------------------------------------
 */

/* The n-th item of the page, its type read. */
static bool item_at(const struct reader *r, uint32_t n, uint8_t *type, struct cursor *out)
{
    struct cursor page = cursor_of(r->page, r->page_size);
    uint16_t start, end = 0;
    uint32_t limit = r->page_size;
    if (!number16(r, &page, PAGE_HEADER + 2u * n, &start) ||
        (n > 0 && !number16(r, &page, PAGE_HEADER + 2u * (n - 1), &end)))
        return false;
    if (n > 0)
        limit = end;
    return start < limit && cursor_seek(&page, start) && rd_sub(&page, limit - start, out) &&
           rd_u8(out, type);
}

static bool give(struct reader *r, uint32_t id, const uint8_t *bytes, size_t len)
{
    if (++r->packages > LIMIT_PACKAGES) {
        rpm_sink_fault(r->sink, ASSAY_ERROR_LIMIT, "%s: too many packages", r->file->name);
        r->ended = true;
    } else if (!r->sink->header(r->sink->user, id, bytes, len)) {
        r->ended = true;
    }
    return true;
}

static bool read_value(struct reader *r, uint32_t n, uint32_t id, GError **error)
{
    struct cursor item;
    uint8_t type;
    uint32_t page, len;
    if (!item_at(r, n, &type, &item))
        return fail_corrupt(error, "no item %u on the page", n);
    if (type == ITEM_HERE)
        return give(r, id, item.data + item.pos, cursor_left(&item));
    if (type != ITEM_OVERFLOW || !number32(r, &item, 4, &page) || !number32(r, &item, 8, &len))
        return fail_corrupt(error, "item %u of type %u", n, type);
    g_autofree uint8_t *bytes = read_overflow(r, page, len, error);
    return bytes != NULL && give(r, id, bytes, len);
}

/* A key is an id. That of 0 holds the next id to be given, not a header. */
static bool read_pair(struct reader *r, uint32_t n, GError **error)
{
    struct cursor item;
    uint8_t type;
    uint32_t id;
    if (!item_at(r, n, &type, &item) || type != ITEM_HERE || cursor_left(&item) != sizeof id ||
        !number32(r, &item, item.pos, &id))
        return fail_corrupt(error, "no key at item %u", n);
    if (id == 0)
        return true;
    if (read_value(r, n + 1, id, error))
        return true;
    g_prefix_error(error, "header %u: ", id);
    return false;
}

static void read_hash_page(struct reader *r, uint32_t number, uint16_t items)
{
    for (uint32_t n = 0; n + 1 < items && !r->ended; n += 2) {
        GError *error = NULL;
        if (read_pair(r, n, &error))
            continue;
        g_prefix_error(&error, "%s: page %u: ", r->file->name, number);
        r->sink->fault(r->sink->user, error);
    }
}

static void look_at_page(struct reader *r, uint32_t number)
{
    struct cursor c = cursor_of(r->page, r->page_size);
    uint32_t self = 0;
    uint16_t items = 0;
    uint8_t type = 0;
    GError *error = NULL;
    if (!read_page(r, number, r->page, &error)) {
        r->sink->fault(r->sink->user, error);
        return;
    }
    (void)number32(r, &c, 8, &self);
    (void)number16(r, &c, 20, &items);
    (void)rd_u8_at(&c, 25, &type);
    if (type != PAGE_HASH && type != PAGE_HASH_UNSORTED)
        return; /* overflow pages are read from where they are named; others hold nothing */
    if (self != number || items > (r->page_size - PAGE_HEADER) / 2)
        rpm_sink_fault(r->sink, ASSAY_ERROR_CORRUPT,
                       "%s: page %u, which says it is %u, of %u items", r->file->name, number, self,
                       items);
    else
        read_hash_page(r, number, items);
}

static bool bdb_each(const struct rpm_files *files, const struct rpm_sink *sink, GError **error)
{
    struct reader r = { .file = files->main, .sink = sink, .budget = files->main->size };
    if (!read_meta(&r, error))
        return false;
    uint64_t pages = r.file->size / r.page_size;
    bool cut = r.last_page >= pages;
    if (cut)
        r.last_page = pages > 0 ? (uint32_t)(pages - 1) : 0;
    r.page = g_malloc(r.page_size);
    r.overflow = g_malloc(r.page_size);
    r.seen = g_malloc0(r.last_page / 8 + 1);
    for (uint32_t n = 1; n <= r.last_page && !r.ended; n++) {
        if ((r.seen[n / 8] & (1u << n % 8)) == 0)
            look_at_page(&r, n);
    }
    g_free(r.page);
    g_free(r.overflow);
    g_free(r.seen);
    return !cut || fail_corrupt(error, "%s: only %" G_GUINT64_FORMAT " of its pages are there",
                                r.file->name, pages);
}

const struct rpm_backend rpm_bdb = {
    .name = "bdb",
    .description = "Berkeley DB, before rpm 4.16",
    .file = "Packages",
    .each = bdb_each,
};
