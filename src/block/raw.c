/* Host files and devices. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/checked.h"
#include "base/error.h"
#include "block/account.h"
#include "block/block.h"

struct raw {
    struct block block;
    int fd;
    bool holes; /* SEEK_HOLE works */
};

static bool raw_read(struct block *b, uint64_t off, void *buf, size_t len, GError **error)
{
    struct raw *raw = (struct raw *)b;
    uint8_t *at = buf;
    while (len > 0) {
        ssize_t n = pread(raw->fd, at, len, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(error, errno, "%s: reading at %" G_GUINT64_FORMAT, b->name, off);
        if (n == 0)
            return fail(error, ASSAY_ERROR_IO, "%s: shrank while being read, at %" G_GUINT64_FORMAT,
                        b->name, off);
        block_account_read((uint64_t)n);
        at += n;
        off += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

static bool raw_extent_at(struct block *b, uint64_t off, struct block_extent *out, GError **error)
{
    struct raw *raw = (struct raw *)b;
    *out = (struct block_extent){ .len = b->size - off, .zero = false };
    if (!raw->holes)
        return true;
    off_t data = lseek(raw->fd, (off_t)off, SEEK_DATA);
    if (data < 0 && errno == ENXIO) { /* a hole up to the end */
        out->zero = true;
        return true;
    }
    if (data < 0)
        return true; /* not known here: data */
    if ((uint64_t)data > off) {
        *out = (struct block_extent){ .len = min_u64((uint64_t)data, b->size) - off, .zero = true };
        return true;
    }
    off_t hole = lseek(raw->fd, (off_t)off, SEEK_HOLE);
    if (hole > (off_t)off)
        out->len = min_u64((uint64_t)hole, b->size) - off;
    return true;
}

static void raw_close(struct block *b)
{
    (void)close(((struct raw *)b)->fd);
}

static const struct block_driver raw_driver = {
    .name = "raw",
    .description = "host files and devices, holes known",
    .read = raw_read,
    .extent_at = raw_extent_at,
    .close = raw_close,
};

struct block *block_raw_new(int given_fd, const char *name, GError **error)
{
    autoclose int fd = given_fd;
    /* Not fstat(): the C library makes it a call that names a path, which an inspector may not. */
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0) {
        fail_errno(error, errno, "%s: finding its size", name);
        return NULL;
    }
    struct raw *raw = block_alloc(sizeof *raw, &raw_driver, name, (uint64_t)size);
    raw->holes = lseek(fd, 0, SEEK_HOLE) >= 0 || errno == ENXIO;
    raw->fd = take_fd(&fd);
    return &raw->block;
}
