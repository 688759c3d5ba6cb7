#include "server/report_cache.h"

#include <sys/stat.h>

#include "advisory/database.h"
#include "base/error.h"
#include "frame/files.h"

/* Each has a database open, to which its texts belong; many findings share one. */
#define REPORTS 16
#define BYTES   (64u << 20) /* of all records of frames and findings that are kept */
#define SECONDS 300

struct shared_report {
    gint refs;                    /* atomic */
    char *frame, *advisories;     /* what it is a report of, and by which database */
    bool files;                   /* the frame has its files */
    size_t size;                  /* bytes of its records */
    int64_t made;                 /* monotonic microseconds */
    struct advisory_db *database; /* NULL: there is none */
    struct report *report;
};

struct report_cache {
    GMutex lock;
    GQueue reports; /* struct shared_report, what was asked for last first; under the lock */
    size_t size;    /* of all */
};

struct report_cache *report_cache_new(void)
{
    struct report_cache *c = g_new0(struct report_cache, 1);
    g_mutex_init(&c->lock);
    g_queue_init(&c->reports);
    return c;
}

void report_cache_free(struct report_cache *c)
{
    if (c == NULL)
        return;
    g_queue_clear_full(&c->reports, (GDestroyNotify)shared_report_unref);
    g_mutex_clear(&c->lock);
    g_free(c);
}

struct report *shared_report_get(const struct shared_report *s)
{
    return s->report;
}

void shared_report_unref(struct shared_report *s)
{
    if (s == NULL || !g_atomic_int_dec_and_test(&s->refs))
        return;
    report_free(s->report);
    advisory_db_close(s->database);
    g_free(s->frame);
    g_free(s->advisories);
    g_free(s);
}

/* The database is replaced as a whole, so its file says which one it is. */
static char *identify(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return g_strdup("");
    return g_strdup_printf("%ju:%ju:%ju:%jd.%09ld", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
                           (uintmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static size_t size_of(const struct report *r)
{
    size_t size = arena_used(r->arena) + arena_used(r->frame->arena);
    for (guint i = 0; i < r->frame->systems->len; i++) {
        const struct frame_system *s = g_ptr_array_index(r->frame->systems, i);
        size += frame_files_memory(s->files);
    }
    return size;
}

static struct shared_report *make(struct sql *db, const struct kept_frame *f, const char *path,
                                  bool files, char *advisories, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(shared_report) s = g_new0(struct shared_report, 1);
    s->refs = 1;
    s->frame = g_strdup(f->id);
    s->advisories = advisories;
    s->files = files;
    s->made = g_get_monotonic_time();
    s->database = advisory_db_open(path, &failure);
    if (s->database == NULL && !g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    s->report = stored_report(db, f, s->database, files, error);
    if (s->report == NULL)
        return NULL;
    s->size = size_of(s->report);
    return g_steal_pointer(&s);
}

/* --- under the lock ------------------------------------------------------------------------------
 */

static void drop(struct report_cache *c, GList *link)
{
    struct shared_report *s = link->data;
    c->size -= s->size;
    g_queue_delete_link(&c->reports, link);
    shared_report_unref(s);
}

/* Those by another database, and those that are old, go on the way. */
static struct shared_report *find(struct report_cache *c, const char *frame, bool files,
                                  const char *advisories)
{
    struct shared_report *found = NULL;
    int64_t oldest = g_get_monotonic_time() - INT64_C(1) * SECONDS * G_USEC_PER_SEC;
    for (GList *link = c->reports.head, *next; link != NULL; link = next) {
        struct shared_report *s = link->data;
        next = link->next;
        if (s->made < oldest || !g_str_equal(s->advisories, advisories)) {
            drop(c, link);
        } else if (found == NULL && g_str_equal(s->frame, frame) && (s->files || !files)) {
            g_queue_unlink(&c->reports, link);
            g_queue_push_head_link(&c->reports, link);
            (void)g_atomic_int_add(&s->refs, 1);
            found = s;
        }
    }
    return found;
}

static void keep(struct report_cache *c, struct shared_report *s)
{
    if (s->size > BYTES / 4)
        return;
    (void)g_atomic_int_add(&s->refs, 1);
    g_queue_push_head(&c->reports, s);
    c->size += s->size;
    while (c->reports.length > REPORTS || c->size > BYTES)
        drop(c, c->reports.tail);
}

struct shared_report *report_cache_get(struct report_cache *c, struct sql *db,
                                       const struct kept_frame *f, const char *path, bool files,
                                       GError **error)
{
    char *advisories = identify(path); /* before it is opened: never older than what is read */
    g_mutex_lock(&c->lock);
    struct shared_report *s = find(c, f->id, files, advisories);
    g_mutex_unlock(&c->lock);
    if (s != NULL) {
        g_free(advisories);
        return s;
    }
    s = make(db, f, path, files, advisories, error);
    if (s == NULL)
        return NULL;
    g_mutex_lock(&c->lock);
    keep(c, s);
    g_mutex_unlock(&c->lock);
    return s;
}
