#include "inspect/linux_image.h"

#include <string.h>

#include "base/cursor.h"

/* Linux, Documentation/arch/x86/boot.rst: "The Real-Mode Kernel Header". */
#define HEADER_SIZE    0x210
#define MAGIC_AT       0x202
#define VERSION_PTR_AT 0x20e
#define VERSION_BASE   0x200
#define VERSION_MAX    256

char *linux_image_release(struct block *image)
{
    uint8_t header[HEADER_SIZE], text[VERSION_MAX];
    struct cursor c = cursor_of(header, sizeof header);
    uint16_t at;
    size_t got = 0;
    if (image->size < sizeof header || !block_read(image, 0, header, sizeof header, NULL) ||
        memcmp(header + MAGIC_AT, "HdrS", 4) != 0 || !rd_le16_at(&c, VERSION_PTR_AT, &at) ||
        at == 0 || !block_read_some(image, VERSION_BASE + at, text, sizeof text, &got, NULL))
        return NULL;
    /* "6.1.0-28-amd64 (debian-kernel@lists.debian.org) #1 SMP ..." */
    size_t len = 0;
    while (len < got && (g_ascii_isalnum(text[len]) || memchr("._+~-", text[len], 5) != NULL))
        len++;
    return len < got && g_ascii_isdigit(text[0]) ? g_strndup((char *)text, len) : NULL;
}
