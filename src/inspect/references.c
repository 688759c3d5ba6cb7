#include "inspect/references.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"
#include "block/export.h"
#include "block/in_use.h"

struct reference_file {
    char *name;   /* for messages */
    char *folder; /* of the real file, absolute; NULL: not a file */
    char *base;   /* folder of the image the user named, absolute: the tree's top; NULL */
    dev_t device;
    ino_t inode;
    int from; /* token of the file that named it; -1: the user did */
};

static const char *const policy_names[INSPECT_REFERENCES_COUNT] = { "tree", "none", "any" };

bool inspect_references_parse(const char *name, enum inspect_references *out)
{
    for (int i = 0; i < INSPECT_REFERENCES_COUNT; i++) {
        if (g_str_equal(name, policy_names[i])) {
            *out = (enum inspect_references)i;
            return true;
        }
    }
    return false;
}

static void file_free(void *p)
{
    struct reference_file *f = p;
    g_free(f->name);
    g_free(f->folder);
    g_free(f->base);
    g_free(f);
}

/* Where the file behind a descriptor really lies; NULL if the kernel does not tell. */
static char *path_of(int fd)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *path = g_file_read_link(link, NULL);
    return path != NULL && path[0] == '/' ? g_steal_pointer(&path) : NULL;
}

static char *folder_of(int fd)
{
    g_autofree char *path = path_of(fd);
    return path != NULL ? g_path_get_dirname(path) : NULL;
}

void references_init(struct references *r, const struct inspect_target *t,
                     const struct inspect_options *options)
{
    r->options = options;
    r->named = t->disks->len;
    r->files = g_ptr_array_new_with_free_func(file_free);
    r->served = g_ptr_array_new_with_free_func((GDestroyNotify)block_export_free);
    for (unsigned i = 0; i < t->disks->len; i++) {
        const struct target_disk *d = g_ptr_array_index(t->disks, i);
        struct reference_file *f = g_new0(struct reference_file, 1);
        f->name = g_strdup(d->path != NULL ? d->path : d->name);
        f->folder = d->served != NULL && d->path != NULL ? g_path_get_dirname(d->path)
                    : d->path != NULL                    ? folder_of(d->fd)
                                                         : NULL;
        f->base = g_strdup(f->folder);
        f->device = d->device;
        f->inode = d->inode;
        f->from = -1;
        g_ptr_array_add(r->files, f);
    }
}

void references_done(struct references *r)
{
    g_ptr_array_unref(r->served);
    g_ptr_array_unref(r->files);
}

GError *references_failure(const struct references *r)
{
    for (unsigned i = 0; i < r->served->len; i++) {
        GError *why = block_export_error(g_ptr_array_index(r->served, i));
        if (why != NULL)
            return why;
    }
    return NULL;
}

/* The rest of path below folder; NULL when it is not below. */
static const char *below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    if (g_str_equal(folder, "/"))
        return path + 1;
    return strncmp(path, folder, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

/* A path written in an image may lead through symbolic links above the tree's top (/tmp on some
 * systems): compare what its folder really is. */
static char *real_path(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path), *base = g_path_get_basename(path);
    char *real = realpath(folder, NULL);
    char *whole = real != NULL ? g_build_filename(real, base, NULL) : g_strdup(path);
    free(real);
    return whole;
}

static int open_in_tree(const struct reference_file *f, const char *reference, const char *path,
                        GError **error)
{
    g_autofree char *real = reference[0] == '/' ? real_path(path) : g_strdup(path);
    const char *rest = below(real, f->base);
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    /* Its name was read once and holds no links; nobody may slip one in since. */
    struct open_how real_folder = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                                    .resolve = RESOLVE_NO_SYMLINKS };
    autoclose int top =
        (int)syscall(SYS_openat2, AT_FDCWD, f->base, &real_folder, sizeof real_folder);
    if (top < 0) {
        (void)fail_errno(error, errno, "%s", f->base);
        return -1;
    }
    int fd = -1;
    if (rest == NULL)
        errno = EXDEV;
    else
        fd = (int)syscall(SYS_openat2, top, rest, &how, sizeof how);
    if (fd < 0 && errno == EXDEV)
        (void)fail(error, ASSAY_ERROR_DENIED,
                   "'%s' lies outside %s; --allow-backing any lets it be opened", reference,
                   f->base);
    else if (fd < 0)
        (void)fail_errno(error, errno, "'%s'", reference);
    return fd;
}

static bool check_file(const struct references *r, unsigned from, const char *reference, int fd,
                       struct stat *st, GError **error)
{
    if (fstat(fd, st) != 0)
        return fail_errno(error, errno, "'%s'", reference);
    if (target_file_refusal(st->st_mode) != NULL)
        return fail(error, ASSAY_ERROR_INVALID, "'%s' %s", reference,
                    target_file_refusal(st->st_mode));
    for (int i = (int)from; i >= 0;) {
        const struct reference_file *f = g_ptr_array_index(r->files, i);
        if (f->device == st->st_dev && f->inode == st->st_ino)
            return fail_corrupt(error, "'%s' is in a loop: it is already in this chain", reference);
        i = f->from;
    }
    return true;
}

static bool check_path(const struct references *r, const char *reference, int fd, GError **error)
{
    g_autofree char *path = path_of(fd);
    const char *writer = r->options->refuse_used ? block_file_writer(fd) : NULL;
    if (r->options->may_open != NULL &&
        (path == NULL || !r->options->may_open(path, r->options->user)))
        return fail(error, ASSAY_ERROR_DENIED, "'%s' may not be opened", reference);
    return writer == NULL ||
           fail(error, ASSAY_ERROR_DENIED, "'%s': %s; crash_consistent lets it be read as it is",
                reference, writer);
}

/* What the inspector gets: the file, or the end of a connection through which it is read. fd is
 * used up. -1 on failure. */
static int give(struct references *r, int fd, const char *name, GError **error)
{
    int client;
    if (r->options->guard == NULL)
        return fd;
    g_autoptr(block) file = block_raw_new(fd, name, error);
    if (file == NULL)
        return -1;
    g_autoptr(block) guarded = r->options->guard(file, r->options->user);
    struct block_export *e = block_export_new(guarded, &client, error);
    if (e == NULL)
        return -1;
    g_ptr_array_add(r->served, e);
    return client;
}

int references_open(struct references *r, unsigned from, const char *reference, unsigned *token,
                    const char **name, GError **error)
{
    if (from >= r->files->len || r->files->len > LIMIT_BACKING_DEPTH * LIMIT_BACKING_DEPTH) {
        (void)fail_limit(error, "'%s': too many files in one target", reference);
        return -1;
    }
    const struct reference_file *f = g_ptr_array_index(r->files, from);
    enum inspect_references policy = r->options->references;
    struct stat st;
    if (policy == INSPECT_REFERENCES_NONE || f->folder == NULL) {
        (void)fail(error, ASSAY_ERROR_DENIED, "'%s' may not be opened%s", reference,
                   f->folder == NULL ? ": the image is not a file here"
                                     : " (--allow-backing none)");
        return -1;
    }
    g_autofree char *path =
        reference[0] == '/' ? g_strdup(reference) : g_build_filename(f->folder, reference, NULL);
    autoclose int fd = policy == INSPECT_REFERENCES_ANY ? target_open_file(path, error)
                                                        : open_in_tree(f, reference, path, error);
    if (fd < 0 || !check_file(r, from, reference, fd, &st, error) ||
        !check_path(r, reference, fd, error))
        return -1;
    struct reference_file *new = g_new0(struct reference_file, 1);
    new->name = g_strdup(path);
    new->folder = folder_of(fd);
    new->base = g_strdup(f->base);
    new->device = st.st_dev;
    new->inode = st.st_ino;
    new->from = (int)from;
    *token = r->files->len;
    *name = new->name;
    g_ptr_array_add(r->files, new);
    return give(r, take_fd(&fd), new->name, error);
}
