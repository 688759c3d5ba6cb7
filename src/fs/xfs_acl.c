/* POSIX access control lists. On disk they are attributes of a form of their own; everybody else
 * knows them in the form of Linux's "system.posix_acl_*" (acl(5), linux/posix_acl_xattr.h):
 *
 *     on disk:  u32 count, then u32 tag, u32 id, u16 rights, u16 0 each (big-endian)
 *     as given: u32 version 2, then u16 tag, u16 rights, u32 id each (little-endian)
 */
#include <string.h>

#include "fs/xfs.h"

#define ACL_VERSION  2u
#define ACL_USER     0x2u
#define ACL_GROUP    0x8u
#define ACL_NO_ID    0xffffffffu
#define ENTRY_DISK   12u
#define ENTRY_GIVEN  8u
#define HEADER_BYTES 4u

const char *xfs_acl_name(const uint8_t *name, size_t len)
{
    static const char access[] = "SGI_ACL_FILE", inherited[] = "SGI_ACL_DEFAULT";
    if (len == strlen(access) && memcmp(name, access, len) == 0)
        return "system.posix_acl_access";
    if (len == strlen(inherited) && memcmp(name, inherited, len) == 0)
        return "system.posix_acl_default";
    return NULL;
}

static void put_le(uint8_t *at, uint32_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

GBytes *xfs_acl_convert(const uint8_t *value, size_t len)
{
    struct cursor c = cursor_of(value, len);
    uint32_t count = 0, tag = 0, id = 0;
    uint16_t rights = 0;
    if (!rd_be32(&c, &count) || count > cursor_left(&c) / ENTRY_DISK)
        return NULL;
    size_t size = HEADER_BYTES + (size_t)count * ENTRY_GIVEN;
    uint8_t *out = g_malloc(size);
    put_le(out, ACL_VERSION, 4);
    for (uint8_t *at = out + HEADER_BYTES; at < out + size; at += ENTRY_GIVEN) {
        (void)(rd_be32(&c, &tag) && rd_be32(&c, &id) && rd_be16(&c, &rights) && cursor_skip(&c, 2));
        put_le(at, tag, 2);
        put_le(at + 2, rights, 2);
        put_le(at + 4, tag == ACL_USER || tag == ACL_GROUP ? id : ACL_NO_ID, 4);
    }
    return g_bytes_new_take(out, size);
}
