#include "inspect/media.h"

#include <errno.h>
#include <magic.h>
#include <string.h>

#include "base/error.h"

#define UNKNOWN "application/octet-stream"

struct media {
    magic_t magic;
};

struct media *media_new(GError **error)
{
    struct media *m = g_new0(struct media, 1);
    m->magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS);
    if (m->magic != NULL && magic_load(m->magic, NULL) == 0)
        return m;
    fail(error, ASSAY_ERROR_IO, "media types: %s",
         m->magic != NULL ? magic_error(m->magic) : g_strerror(errno));
    media_free(m);
    return NULL;
}

void media_free(struct media *m)
{
    if (m == NULL)
        return;
    if (m->magic != NULL)
        magic_close(m->magic);
    g_free(m);
}

char *media_type(struct media *m, const void *head, size_t len, bool pie)
{
    if (len == 0)
        return g_strdup("inode/x-empty");
    if (pie)
        return g_strdup("application/x-pie-executable");
    const char *type = magic_buffer(m->magic, head, len);
    if (type == NULL || type[0] == '\0' || !g_str_is_ascii(type))
        type = UNKNOWN;
    return g_strdup(type);
}
