/* Small qcow2 images made by hand, so that every field can be wrong on purpose.
 *
 * image_new() lays out clusters of 512 bytes (or more): the header in cluster 0, an L1 table of one
 * entry in 1, the L2 table in 2, data from 3 on. The disk has DISK_CLUSTERS clusters, none of them
 * allocated. */
#pragma once
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "block/block.h"

#define DISK_CLUSTERS 16
#define OFLAG_ZERO    (UINT64_C(1) << 0)
#define OFLAG_COMPR   (UINT64_C(1) << 62)
#define OFLAG_COPIED  (UINT64_C(1) << 63)

struct image {
    GByteArray *bytes;
    unsigned bits; /* log2 of the cluster size */
};

static inline void put(struct image *im, size_t off, const void *bytes, size_t len)
{
    if (im->bytes->len < off + len) {
        guint old = im->bytes->len;
        g_byte_array_set_size(im->bytes, (guint)(off + len));
        memset(im->bytes->data + old, 0, off + len - old);
    }
    memcpy(im->bytes->data + off, bytes, len);
}

static inline void put32(struct image *im, size_t off, uint32_t value)
{
    value = GUINT32_TO_BE(value);
    put(im, off, &value, sizeof value);
}

static inline void put64(struct image *im, size_t off, uint64_t value)
{
    value = GUINT64_TO_BE(value);
    put(im, off, &value, sizeof value);
}

static inline size_t cluster_at(const struct image *im, unsigned index)
{
    return (size_t)index << im->bits;
}

static inline void put_l2(struct image *im, unsigned index, uint64_t entry)
{
    put64(im, cluster_at(im, 2) + index * 8, entry);
}

/* Fills a host cluster with one byte. */
static inline void fill(struct image *im, unsigned cluster, uint8_t byte)
{
    g_autofree uint8_t *bytes = g_malloc(cluster_at(im, 1));
    memset(bytes, byte, cluster_at(im, 1));
    put(im, cluster_at(im, cluster), bytes, cluster_at(im, 1));
}

static inline struct image image_new(unsigned version, unsigned bits)
{
    struct image im = { .bytes = g_byte_array_new(), .bits = bits };
    put32(&im, 0, 0x514649fb);
    put32(&im, 4, version);
    put32(&im, 20, bits);
    put64(&im, 24, (uint64_t)DISK_CLUSTERS << bits);
    put32(&im, 36, 1);
    put64(&im, 40, cluster_at(&im, 1));
    if (version >= 3) {
        put32(&im, 96, 4);
        put32(&im, 100, 104);
    }
    put64(&im, cluster_at(&im, 1), cluster_at(&im, 2) | OFLAG_COPIED);
    put(&im, cluster_at(&im, 3) - 1, "", 1);
    return im;
}

static inline void image_clear(struct image *im)
{
    g_byte_array_unref(im->bytes);
}

/* The image as a host file. */
static inline struct block *image_file(const struct image *im, const char *name)
{
    int fd = memfd_create(name, 0);
    g_assert_cmpint(write(fd, im->bytes->data, im->bytes->len), ==, im->bytes->len);
    struct block *b = block_raw_new(fd, name, NULL);
    g_assert_nonnull(b);
    return b;
}

static inline struct block *
image_open_with(const struct image *im, const struct block_image_options *options, GError **error)
{
    g_autoptr(block) file = image_file(im, "disk.qcow2");
    return block_image_open(file, options, error);
}

static inline struct block *image_open(const struct image *im, GError **error)
{
    return image_open_with(im, NULL, error);
}

/* Opening fails with that code and a message that contains text. */
static inline void assert_refused_with(const struct image *im,
                                       const struct block_image_options *options, int code,
                                       const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(block) b = image_open_with(im, options, &error);
    g_assert_null(b);
    g_assert_error(error, ASSAY_ERROR, code);
    if (strstr(error->message, text) == NULL)
        g_error("'%s' does not say '%s'", error->message, text);
    g_assert_null(strchr(error->message, '\n'));
}

static inline void assert_refused(const struct image *im, int code, const char *text)
{
    assert_refused_with(im, NULL, code, text);
}

/* All of the len bytes at off are that byte. */
static inline void assert_filled(struct block *b, uint64_t off, size_t len, uint8_t byte)
{
    g_autofree uint8_t *bytes = g_malloc(len);
    g_autoptr(GError) error = NULL;
    block_read(b, off, bytes, len, &error);
    g_assert_no_error(error);
    for (size_t i = 0; i < len; i++)
        g_assert_cmphex(bytes[i], ==, byte);
}

static inline void assert_unreadable(struct block *b, uint64_t off, size_t len, int code,
                                     const char *text)
{
    g_autofree uint8_t *bytes = g_malloc(len);
    g_autoptr(GError) error = NULL;
    g_assert_false(block_read(b, off, bytes, len, &error));
    g_assert_error(error, ASSAY_ERROR, code);
    if (strstr(error->message, text) == NULL)
        g_error("'%s' does not say '%s'", error->message, text);
}
