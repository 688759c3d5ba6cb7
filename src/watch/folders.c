/* The thread that looks after watched folders. inotify(7) tells what has changed; since it tells
 * nothing of what happened before, of network filesystems, and not all when much happens at once,
 * all files are looked at in between, too. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/no_links.h"
#include "block/in_use.h"
#include "watch/folder_file.h"
#include "watch/folder_take.h"
#include "watch/threads.h"
#include "worker/process.h"

#define SECOND  ((int64_t)G_USEC_PER_SEC)
#define LEASE   (30 * SECOND)
#define REFRESH (2 * SECOND) /* between two looks for folders */
#define TICK    (SECOND / 4) /* while files may become complete */
#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MOVE_SELF | IN_ONLYDIR)

/* A file that is to be taken when it has stayed as it is for long enough. */
struct candidate {
    char *identity;
    int64_t since; /* monotonic microseconds */
};

struct folder {
    struct thing *thing;
    char *path, *pattern;   /* folder_location() */
    int at;                 /* the folder, O_PATH */
    int wd;                 /* inotify's; -1: it cannot tell, so only looks find files */
    int64_t next_look;      /* monotonic microseconds */
    int64_t next_claim;     /* ... when the lease is to be prolonged */
    GHashTable *known;      /* name -> struct watched_file */
    GHashTable *candidates; /* name -> struct candidate */
    bool listed;            /* in this refresh */
};

struct folders {
    struct watch *watch;
    struct sql *db;
    int inotify;
    GHashTable *all;      /* identifier of the image -> struct folder: those that are ours */
    GHashTable *refusals; /* identifier -> message that was logged */
    int64_t next_refresh;
};

static void candidate_free(void *user)
{
    struct candidate *c = user;
    g_free(c->identity);
    g_free(c);
}

static void folder_free(void *user)
{
    struct folder *f = user;
    thing_free(f->thing);
    g_free(f->path);
    g_free(f->pattern);
    if (f->at >= 0)
        (void)close(f->at);
    g_clear_pointer(&f->known, g_hash_table_unref);
    g_clear_pointer(&f->candidates, g_hash_table_unref);
    g_free(f);
}

/* --- files -------------------------------------------------------------------------------------
 */

/* False when there is no file of that name: nothing, or anything but a file. */
static bool state_of(const struct folder *f, const char *name, char **identity)
{
    struct stat st;
    if (fstatat(f->at, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return false;
    *identity = folder_identity(&st);
    return true;
}

/* A file that may have changed. */
static void consider(struct folder *f, const char *name)
{
    g_autofree char *identity = NULL;
    if (!folder_wants(f->pattern, name) || !state_of(f, name, &identity))
        return;
    const struct watched_file *known = g_hash_table_lookup(f->known, name);
    if (known != NULL && !known->gone && g_str_equal(known->identity, identity))
        return;
    struct candidate *c = g_hash_table_lookup(f->candidates, name);
    if (c != NULL && g_str_equal(c->identity, identity))
        return;
    if (c == NULL && g_hash_table_size(f->candidates) >= LIMIT_WATCHED_FILES)
        return;
    c = g_new0(struct candidate, 1);
    c->identity = g_steal_pointer(&identity);
    c->since = g_get_monotonic_time();
    (void)g_hash_table_replace(f->candidates, g_strdup(name), c);
}

static void log_failure(const struct folder *f, const char *name, const GError *failure)
{
    log_line("warning", "watched folder %s, %s: %s", f->thing->name, name, failure->message);
}

static bool gone(struct folders *all, struct folder *f, struct watched_file *known, GError **error)
{
    if (known->gone)
        return true;
    known->gone = folder_file_gone(all->db, f->thing, known, error);
    return known->gone;
}

/* A file that was renamed is known by its contents, under a name that is no more. */
static const struct watched_file *find_moved(const struct folder *f, const char *identity)
{
    GHashTableIter i;
    void *value;
    g_hash_table_iter_init(&i, f->known);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        const struct watched_file *known = value;
        g_autofree char *now = NULL;
        if (g_str_equal(known->identity, identity) && !state_of(f, known->name, &now))
            return known;
    }
    return NULL;
}

static bool take(struct folders *all, struct folder *f, const char *name, const char *identity,
                 GError **error)
{
    g_autofree char *location = g_strconcat(f->path, name, NULL);
    const struct watched_file *before = g_hash_table_lookup(f->known, name);
    const struct watched_file *moved = before == NULL ? find_moved(f, identity) : NULL;
    const struct found_file file = { .folder = f->thing,
                                     .location = location,
                                     .name = name,
                                     .identity = identity,
                                     .before = before,
                                     .moved = moved };
    struct watched_file *now = folder_take(all->db, &file, error);
    if (now == NULL)
        return false;
    log_line("info", "watched folder %s: %s is image %s", f->thing->name, name, now->image);
    if (moved != NULL)
        (void)g_hash_table_remove(f->known, moved->name);
    (void)g_hash_table_replace(f->known, now->name, now);
    worker_wake(all->watch->settings.worker);
    return true;
}

/* Whether nobody writes to it, as far as can be seen. */
static bool at_rest(const struct folder *f, const char *name)
{
    autoclose int fd = openat(f->at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && block_file_writer(fd) == NULL;
}

/* *done: it is no candidate any more. */
static bool advance(struct folders *all, struct folder *f, const char *name, struct candidate *c,
                    bool *done, GError **error)
{
    g_autofree char *now = NULL;
    int64_t time = g_get_monotonic_time();
    *done = !state_of(f, name, &now);
    if (*done)
        return true;
    if (!g_str_equal(now, c->identity)) {
        g_free(c->identity);
        c->identity = g_steal_pointer(&now);
        c->since = time;
        return true;
    }
    if (time - c->since < all->watch->settings.settle)
        return true;
    c->since = time; /* for the next attempt, if this one leads to nothing */
    if (!at_rest(f, name))
        return true;
    *done = take(all, f, name, now, error);
    return *done;
}

static bool advance_all(struct folders *all, struct folder *f, GError **error)
{
    GHashTableIter i;
    void *name, *candidate;
    g_hash_table_iter_init(&i, f->candidates);
    while (g_hash_table_iter_next(&i, &name, &candidate)) {
        bool done;
        g_autoptr(GError) failure = NULL;
        if (!advance(all, f, name, candidate, &done, &failure)) {
            if (g_error_matches(failure, SQL_ERROR, SQL_ERROR_LOST)) {
                g_propagate_error(error, g_steal_pointer(&failure));
                return false;
            }
            log_failure(f, name, failure);
        }
        if (done)
            g_hash_table_iter_remove(&i);
    }
    return true;
}

/* --- looking at all files ----------------------------------------------------------------------
 */

static bool note_gone(struct folders *all, struct folder *f, GError **error)
{
    GHashTableIter i;
    void *value;
    g_hash_table_iter_init(&i, f->known);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct watched_file *known = value;
        g_autofree char *now = NULL;
        if (!state_of(f, known->name, &now) && !gone(all, f, known, error))
            return false;
    }
    return true;
}

static bool look(struct folders *all, struct folder *f, GError **error)
{
    unsigned count = 0;
    autoclose int fd = openat(f->at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    f->next_look = g_get_monotonic_time() + all->watch->settings.look;
    if (stream == NULL) {
        log_line("warning", "watched folder %s: %s: %s", f->thing->name, f->path,
                 g_strerror(errno));
        return true;
    }
    (void)take_fd(&fd); /* closed with the stream */
    for (struct dirent *e = readdir(stream); e != NULL; e = readdir(stream)) {
        if (++count > LIMIT_WATCHED_FILES) {
            log_line("warning", "watched folder %s: more than %u files; the others are not seen",
                     f->thing->name, LIMIT_WATCHED_FILES);
            break;
        }
        consider(f, e->d_name);
    }
    (void)closedir(stream);
    return note_gone(all, f, error);
}

/* --- inotify -----------------------------------------------------------------------------------
 */

static void look_everywhere(struct folders *all)
{
    GHashTableIter i;
    void *folder;
    g_hash_table_iter_init(&i, all->all);
    while (g_hash_table_iter_next(&i, NULL, &folder))
        ((struct folder *)folder)->next_look = 0;
}

/* Two of the same place share a watch. */
static void forget(struct folders *all, struct folder *f)
{
    GHashTableIter i;
    void *value;
    unsigned others = 0;
    g_hash_table_iter_init(&i, all->all);
    while (g_hash_table_iter_next(&i, NULL, &value))
        others += value != f && ((struct folder *)value)->wd == f->wd;
    if (f->wd >= 0 && others == 0)
        (void)inotify_rm_watch(all->inotify, f->wd);
    (void)g_hash_table_remove(all->all, f->thing->id);
}

static void hear(struct folders *all, const struct inotify_event *e)
{
    GHashTableIter i;
    void *value;
    if (e->mask & IN_Q_OVERFLOW)
        look_everywhere(all);
    if (e->mask & (IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
        all->next_refresh = 0;
    g_hash_table_iter_init(&i, all->all);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct folder *f = value;
        if (f->wd != e->wd)
            continue;
        if (e->mask & (IN_DELETE | IN_MOVED_FROM))
            f->next_look = 0; /* a look tells what was removed from what was renamed */
        else if (e->len > 0)
            consider(f, e->name);
    }
}

static void hear_all(struct folders *all)
{
    /* inotify(7): aligned, and room for at least one event. */
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t len;
    while ((len = read(all->inotify, buffer, sizeof buffer)) > 0) {
        for (ssize_t pos = 0; pos < len;) {
            const struct inotify_event *e = (const void *)(buffer + pos);
            hear(all, e);
            pos += (ssize_t)sizeof *e + e->len;
        }
    }
}

/* --- which folders -----------------------------------------------------------------------------
 */

/* Logged when it is another reason than before: another host may see the folder. */
static void refuse(struct folders *all, const struct thing *t, GError *why)
{
    const char *before = g_hash_table_lookup(all->refusals, t->id);
    if (g_strcmp0(before, why->message) != 0)
        log_line("warning", "watched folder %s: %s", t->name, why->message);
    (void)g_hash_table_replace(all->refusals, g_strdup(t->id), g_strdup(why->message));
    g_error_free(why);
}

static struct folder *folder_open(struct folders *all, const struct thing *t, GError **error)
{
    struct folder *f = g_new0(struct folder, 1);
    json_t *where = json_loads(t->where, JSON_DECODE_ANY, NULL);
    const char *location = json_string_value(where);
    f->at = f->wd = -1;
    if (folder_location(location != NULL ? location : "", &f->path, &f->pattern, error))
        f->at = open_folder_of(f->path, error);
    json_decref(where);
    if (f->at < 0) {
        folder_free(f);
        return NULL;
    }
    f->thing = g_new0(struct thing, 1);
    f->thing->id = g_strdup(t->id);
    f->thing->project = g_strdup(t->project);
    f->thing->name = g_strdup(t->name);
    f->thing->where = g_strdup(t->where);
    return f;
}

/* Whether this process looks after it. */
static bool claim(struct folders *all, const struct thing *t, bool *mine, GError **error)
{
    g_autofree char *holder = NULL, *prefix = process_name_prefix();
    if (!watched_claim(all->db, t->id, all->watch->name, LEASE, mine, &holder, error))
        return false;
    if (holder != NULL && g_str_has_prefix(holder, prefix) && process_has_ended(holder))
        return watched_release(all->db, t->id, holder, error);
    return true;
}

static bool begin(struct folders *all, struct folder *f, GError **error)
{
    g_autoptr(GPtrArray) files = watched_files(all->db, f->thing->id, error);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", f->at);
    if (files == NULL)
        return false;
    f->known =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)watched_file_free);
    f->candidates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, candidate_free);
    g_ptr_array_set_free_func(files, NULL);
    for (guint i = 0; i < files->len; i++) {
        struct watched_file *known = g_ptr_array_index(files, i);
        (void)g_hash_table_replace(f->known, known->name, known);
    }
    f->wd = inotify_add_watch(all->inotify, path, EVENTS);
    if (f->wd < 0)
        log_line("warning", "watched folder %s: inotify: %s; it is looked at now and then",
                 f->thing->name, g_strerror(errno));
    log_line("info", "watching folder %s (%s)", f->thing->name, f->path);
    f->listed = true;
    (void)g_hash_table_replace(all->all, f->thing->id, f);
    return true;
}

/* Whether what is looked after is still what the store says, and at its path. */
static bool same(const struct folder *is, const struct folder *wanted)
{
    struct stat a, b;
    return g_str_equal(is->thing->where, wanted->thing->where) &&
           g_str_equal(is->thing->name, wanted->thing->name) && fstat(is->at, &a) == 0 &&
           fstat(wanted->at, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool refresh_one(struct folders *all, const struct thing *t, GError **error)
{
    GError *failure = NULL;
    bool mine = false;
    struct folder *is = g_hash_table_lookup(all->all, t->id);
    struct folder *wanted = folder_open(all, t, &failure);
    if (wanted == NULL) {
        refuse(all, t, failure);
        return true;
    }
    (void)g_hash_table_remove(all->refusals, t->id);
    if (is != NULL && !same(is, wanted)) {
        forget(all, is);
        is = NULL;
    }
    bool keeps = is != NULL && g_get_monotonic_time() < is->next_claim;
    bool ok = keeps || claim(all, t, &mine, error);
    if (is != NULL) {
        is->listed = keeps || mine;
        is->next_claim = keeps ? is->next_claim : g_get_monotonic_time() + LEASE / 3;
    } else if (ok && mine) {
        ok = begin(all, wanted, error);
        if (ok)
            return true;
    }
    folder_free(wanted);
    return ok;
}

static void forget_unlisted(struct folders *all)
{
    g_autoptr(GList) folders = g_hash_table_get_values(all->all);
    for (const GList *l = folders; l != NULL; l = l->next) {
        struct folder *f = l->data;
        if (!f->listed)
            forget(all, f);
        else
            f->listed = false;
    }
}

static bool refresh(struct folders *all, GError **error)
{
    g_autoptr(GPtrArray) things = watched_folders(all->db, error);
    if (things == NULL)
        return false;
    for (guint i = 0; i < things->len; i++) {
        if (!refresh_one(all, g_ptr_array_index(things, i), error))
            return false;
    }
    forget_unlisted(all);
    all->next_refresh = g_get_monotonic_time() + REFRESH;
    return true;
}

/* --- the thread --------------------------------------------------------------------------------
 */

static bool work(struct folders *all, GError **error)
{
    int64_t now = g_get_monotonic_time();
    GHashTableIter i;
    void *value;
    hear_all(all);
    if (now >= all->next_refresh && !refresh(all, error))
        return false;
    g_hash_table_iter_init(&i, all->all);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        struct folder *f = value;
        if ((now >= f->next_look && !look(all, f, error)) || !advance_all(all, f, error))
            return false;
    }
    return true;
}

static bool waiting_for_files(struct folders *all)
{
    GHashTableIter i;
    void *value;
    g_hash_table_iter_init(&i, all->all);
    while (g_hash_table_iter_next(&i, NULL, &value)) {
        if (g_hash_table_size(((struct folder *)value)->candidates) > 0)
            return true;
    }
    return false;
}

/* So that another process does not wait for the leases to run out. */
static void give_back(struct folders *all)
{
    GHashTableIter i;
    void *id;
    g_hash_table_iter_init(&i, all->all);
    while (g_hash_table_iter_next(&i, &id, NULL))
        (void)watched_release(all->db, id, all->watch->name, NULL);
}

/* Until the store fails or the watch stops. */
static void watch_with(struct folders *all, GError **error)
{
    while (work(all, error)) {
        int64_t until_refresh = MAX(all->next_refresh - g_get_monotonic_time(), 0);
        int64_t wait = waiting_for_files(all) ? MIN(TICK, until_refresh) : until_refresh;
        if (!watch_pause(all->watch, all->inotify, wait)) {
            give_back(all);
            return;
        }
    }
}

gpointer watch_folders(gpointer user)
{
    struct watch *w = user;
    struct folders all = { .watch = w, .inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
    bool failed = false;
    if (all.inotify < 0)
        log_line("warning", "inotify: %s; watched folders are looked at now and then",
                 g_strerror(errno));
    all.refusals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    all.all = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, folder_free);
    do {
        g_autoptr(GError) error = NULL;
        all.db = sql_open(w->settings.store, &error);
        if (all.db != NULL)
            watch_with(&all, &error);
        if (error != NULL && !failed)
            log_line("error", "watched folders: %s", error->message);
        failed = error != NULL;
        g_hash_table_remove_all(all.all);
        all.next_refresh = 0;
        sql_close(all.db);
    } while (watch_pause(w, -1, SECOND));
    g_hash_table_unref(all.all);
    g_hash_table_unref(all.refusals);
    if (all.inotify >= 0)
        (void)close(all.inotify);
    return NULL;
}
