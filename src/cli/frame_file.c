#include "cli/frame_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"
#include "frame/formats.h"

#define PROBED 256 /* bytes; "schema" is a frame's first member */

/* The whole file, which may be a pipe. g_byte_array_unref(). */
static GByteArray *read_file(const char *path, GError **error)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)fail_errno(error, errno, "%s", path);
        return NULL;
    }
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    uint8_t piece[65536];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            (void)fail_errno(error, errno, "%s", path);
            return NULL;
        }
        if (bytes->len + (size_t)n > LIMIT_FRAME_JSON) {
            (void)fail_limit(error, "%s: larger than %u MiB", path, LIMIT_FRAME_JSON >> 20);
            return NULL;
        }
        g_byte_array_append(bytes, piece, (guint)n);
    }
    return g_steal_pointer(&bytes);
}

struct frame *cli_frame_read(const char *path, GError **error)
{
    g_autoptr(GByteArray) bytes = read_file(path, error);
    return bytes != NULL ? frame_read_json(path, bytes->len > 0 ? (const void *)bytes->data : "",
                                           bytes->len, error)
                         : NULL;
}

bool cli_frame_probe(const char *path)
{
    char head[PROBED + 1];
    struct stat st;
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    ssize_t n = pread(fd, head, PROBED, 0);
    if (n <= 0)
        return false;
    head[n] = '\0';
    return head[strspn(head, " \t\r\n")] == '{' && strstr(head, "\"assay.frame/") != NULL;
}
