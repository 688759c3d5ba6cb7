/* ELF, as far as it takes to tell programs from libraries: both are "shared objects" in the header.
 * Tool Interface Standard "ELF", chapters 1 (headers) and 2 (dynamic section); DT_FLAGS_1 as in
 * glibc's elf.h. */
#include <elf.h>

#include "base/checked.h"
#include "base/cursor.h"
#include "inspect/media.h"

#define MAX_HEADERS 512u         /* program headers looked at */
#define MAX_DYNAMIC (256u << 10) /* bytes of the dynamic section */

/* Numbers are of one size and order in the whole file. */
struct elf {
    struct cursor c;
    bool wide, big;
};

static bool rd_16(const struct elf *e, size_t off, uint16_t *out)
{
    return e->big ? rd_be16_at(&e->c, off, out) : rd_le16_at(&e->c, off, out);
}

static bool rd_32(const struct elf *e, size_t off, uint32_t *out)
{
    return e->big ? rd_be32_at(&e->c, off, out) : rd_le32_at(&e->c, off, out);
}

/* An address, offset or size. */
static bool rd_word(const struct elf *e, size_t off, uint64_t *out)
{
    uint32_t narrow = 0;
    if (e->wide)
        return e->big ? rd_be64_at(&e->c, off, out) : rd_le64_at(&e->c, off, out);
    if (!rd_32(e, off, &narrow))
        return false;
    *out = narrow;
    return true;
}

/* Where the dynamic section lies in the file. */
static bool find_dynamic(const struct elf *e, uint64_t *off, uint64_t *len)
{
    uint64_t table;
    uint16_t size, count;
    if (!rd_word(e, e->wide ? 32 : 28, &table) || !rd_16(e, e->wide ? 54 : 42, &size) ||
        !rd_16(e, e->wide ? 56 : 44, &count) || table > e->c.len)
        return false;
    for (uint32_t i = 0; i < count && i < MAX_HEADERS; i++) {
        size_t at = (size_t)table + (size_t)i * size;
        uint32_t type;
        if (!rd_32(e, at, &type))
            return false;
        if (type == PT_DYNAMIC)
            return rd_word(e, at + (e->wide ? 8 : 4), off) &&
                   rd_word(e, at + (e->wide ? 32 : 16), len);
    }
    return false;
}

static bool has_pie_flag(const struct elf *e)
{
    size_t word = e->wide ? 8 : 4;
    uint64_t tag, value;
    for (size_t at = 0; rd_word(e, at, &tag) && rd_word(e, at + word, &value); at += 2 * word) {
        if (tag == DT_NULL)
            return false;
        if (tag == DT_FLAGS_1)
            return (value & DF_1_PIE) != 0;
    }
    return false;
}

bool media_is_pie(struct tree_file *f, const void *head, size_t len)
{
    struct elf e = { .c = cursor_of(head, len) };
    const uint8_t *ident = head;
    uint64_t off, size;
    uint16_t type;
    size_t got = 0;
    if (len < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG) != 0)
        return false;
    e.wide = ident[EI_CLASS] == ELFCLASS64;
    e.big = ident[EI_DATA] == ELFDATA2MSB;
    if (!rd_16(&e, EI_NIDENT, &type) || type != ET_DYN || !find_dynamic(&e, &off, &size) ||
        off >= f->size)
        return false;
    g_autofree uint8_t *dynamic = g_malloc((size_t)min_u64(size, MAX_DYNAMIC) + 1);
    if (!tree_file_read(f, off, dynamic, (size_t)min_u64(size, MAX_DYNAMIC), &got, NULL))
        return false;
    e.c = cursor_of(dynamic, got);
    return has_pie_flag(&e);
}
