#include "advisory/import.h"

#include <string.h>

#include "advisory/apt_mirror.h"
#include "advisory/db_write.h"
#include "advisory/feed.h"
#include "advisory/input.h"
#include "advisory/splitter.h"
#include "base/error.h"
#include "base/limits.h"

struct import {
    const struct import_options *options;
    struct db_writer *writer;
    uint64_t records;    /* so far, of all feeds */
    uint64_t recognised; /* streams of the current path */
    const char *source;  /* what to call the current path; NULL: as it is */
    uint64_t unknown;
};

/* One stream on its way through splitter and driver. */
struct stream {
    struct import *import;
    struct input_stream *input;
    const struct feed_driver *driver;
    struct feed_context context;
    uint64_t number;           /* of the document, from 1 */
    int feed;                  /* of the record before: where a malformed document is counted; -1 */
    uint64_t malformed_before; /* ... before the first record told the feed */
};

static void note(const struct import *im, const char *message)
{
    if (im->options->note != NULL)
        im->options->note(message, im->options->user);
}

/* --- records ---------------------------------------------------------------------------------- */

static bool emit(const struct record *r, void *user, GError **error)
{
    struct stream *s = user;
    const char *name = r->feed != NULL ? r->feed : s->driver->name;
    int feed = db_writer_feed(s->import->writer, name, s->driver->by_record, error);
    if (feed < 0)
        return false;
    if (feed != s->feed)
        db_writer_source(s->import->writer, feed,
                         s->import->source != NULL ? s->import->source : s->input->source,
                         s->input->sha256,
                         s->input->date <= s->import->options->now ? s->input->date : 0);
    s->feed = feed;
    s->import->records++;
    return db_writer_add(s->import->writer, feed, r, error);
}

static void malformed(struct stream *s, const char *key, const char *reason)
{
    if (s->feed >= 0)
        db_writer_malformed(s->import->writer, s->feed);
    else
        s->malformed_before++;
    g_autofree char *message =
        g_strdup_printf("%s: record %" G_GUINT64_FORMAT "%s%s: %s", s->input->name, s->number,
                        key != NULL ? " " : "", key != NULL ? key : "", reason);
    note(s->import, message);
}

static bool document(const char *key, const char *text, size_t len, const char *broken, void *user,
                     GError **error)
{
    struct stream *s = user;
    s->number++;
    if (s->number % 256 == 0 && s->import->options->progress != NULL)
        s->import->options->progress(s->input->source, s->input->bytes, s->import->records,
                                     s->import->options->user);
    if (broken != NULL) {
        malformed(s, key, broken);
        return true;
    }
    const struct feed_document doc = {
        .name = s->input->name, .key = key, .text = text, .len = len
    };
    g_autofree char *reason = NULL;
    if (!feed_parse(s->driver, &s->context, &doc, &reason, error))
        return false;
    if (reason != NULL)
        malformed(s, key, reason);
    return true;
}

/* --- streams ---------------------------------------------------------------------------------- */

/* Reads the stream's beginning, at most LIMIT_FEED_HEAD bytes and what came with the last of
 * them. */
static bool read_head(struct input_stream *in, GByteArray *head, bool *whole, GError **error)
{
    *whole = false;
    while (head->len < LIMIT_FEED_HEAD && !*whole) {
        const void *bytes;
        size_t len;
        if (!input_read(in, &bytes, &len, error))
            return false;
        if (len > 0)
            g_byte_array_append(head, bytes, (guint)MIN(len, (size_t)G_MAXUINT / 2));
        *whole = len == 0;
    }
    return true;
}

static const struct feed_driver *driver_of(const struct import *im, const GByteArray *bytes,
                                           bool whole)
{
    if (im->options->feed != NULL)
        return feed_driver_find(im->options->feed);
    struct feed_head head;
    feed_head_init(&head, (const char *)bytes->data, MIN(bytes->len, LIMIT_FEED_HEAD), whole);
    const struct feed_driver *driver = feed_driver_detect(&head);
    feed_head_done(&head);
    return driver;
}

static bool split(struct stream *s, const GByteArray *head, bool whole, GError **error)
{
    g_autoptr(splitter) cut = splitter_new(s->driver->form, s->driver->xml_element, document, s);
    if (!splitter_push(cut, (const char *)head->data, head->len, error))
        return false;
    while (!whole) {
        const void *bytes;
        size_t len;
        if (!input_read(s->input, &bytes, &len, error) || !splitter_push(cut, bytes, len, error))
            return false;
        whole = len == 0;
    }
    return splitter_finish(cut, error);
}

static bool import_stream(struct input_stream *in, void *user, GError **error)
{
    struct import *im = user;
    g_autoptr(GByteArray) head = g_byte_array_new();
    bool whole;
    if (!read_head(in, head, &whole, error))
        return false;
    const struct feed_driver *driver = driver_of(im, head, whole);
    if (driver == NULL) {
        im->unknown++;
        g_autofree char *message = g_strdup_printf("%s: not a feed that is known", in->name);
        note(im, message);
        return true;
    }
    im->recognised++;
    struct stream s = { .import = im, .input = in, .driver = driver, .feed = -1 };
    feed_context_init(&s.context, (struct record_sink){ .emit = emit, .user = &s });
    bool ok = split(&s, head, whole, error);
    if (ok && s.malformed_before > 0) {
        /* A stream of nothing but malformed records belongs to the feed of the driver's name. */
        int feed = s.feed >= 0 ? s.feed
                               : db_writer_feed(im->writer, driver->name, driver->by_record, error);
        ok = feed >= 0;
        for (; ok && s.malformed_before > 0; s.malformed_before--)
            db_writer_malformed(im->writer, feed);
    }
    feed_context_done(&s.context);
    return ok;
}

/* --- APT mirrors -------------------------------------------------------------------------------
 */

struct mirror_import {
    struct import *import;
    const char *folder;
};

static bool emit_of_mirror(const struct record *r, void *user, GError **error)
{
    const struct mirror_import *m = user;
    int feed = db_writer_feed(m->import->writer, r->feed, false, error);
    if (feed < 0)
        return false;
    db_writer_source(m->import->writer, feed, m->folder, NULL, r->modified);
    m->import->records++;
    return db_writer_add(m->import->writer, feed, r, error);
}

static bool import_folder(const char *path, bool *done, void *user, GError **error)
{
    struct import *im = user;
    *done = im->options->feed == NULL && apt_mirror_is(path);
    if (!*done)
        return true;
    im->recognised++;
    struct mirror_import m = { .import = im, .folder = path };
    const struct apt_mirror_options options = { .keyring = im->options->keyring,
                                                .warn = im->options->warn,
                                                .user = im->options->user };
    return apt_mirror_read(path, &options, (struct record_sink){ emit_of_mirror, &m }, error);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* More than one record in a hundred: the feed is damaged or has changed its form. */
static void refuse_bad_feeds(struct import *im, struct import_result *result)
{
    for (unsigned i = 0; i < db_writer_feed_count(im->writer); i++) {
        struct db_writer_feed f = db_writer_feed_at(im->writer, i);
        f.refused = f.malformed > (f.incoming + f.malformed) / 100;
        if (f.refused)
            db_writer_refuse(im->writer, (int)i);
        const struct import_feed out = { g_strdup(f.name), f.records, f.incoming, f.malformed,
                                         f.refused };
        g_array_append_val(result->feeds, out);
    }
}

static bool import_paths(struct import *im, char *const *paths, GError **error)
{
    const struct input_functions functions = { .stream = import_stream,
                                               .folder = import_folder,
                                               .user = im };
    for (unsigned i = 0; paths[i] != NULL; i++) {
        im->recognised = 0;
        im->source = im->options->sources != NULL ? im->options->sources[i] : NULL;
        if (!input_each(paths[i], &functions, error))
            return false;
        if (im->recognised == 0)
            return fail_unsupported(error, "%s: nothing in it is a feed that is known", paths[i]);
    }
    return true;
}

static void import_feed_clear(gpointer data)
{
    g_free(((struct import_feed *)data)->name);
}

void import_result_done(struct import_result *r)
{
    g_clear_pointer(&r->feeds, g_array_unref);
}

bool advisory_import(const char *db_path, char *const *paths, const struct import_options *options,
                     struct import_result *result, GError **error)
{
    *result =
        (struct import_result){ .feeds = g_array_new(FALSE, FALSE, sizeof(struct import_feed)) };
    g_array_set_clear_func(result->feeds, import_feed_clear);
    if (options->feed != NULL && feed_driver_find(options->feed) == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "%s: no such feed", options->feed);
    g_autoptr(db_writer) writer = db_writer_open(db_path, options->now, error);
    if (writer == NULL)
        return false;
    struct import im = { .options = options, .writer = writer };
    bool ok = import_paths(&im, paths, error);
    result->unknown = im.unknown;
    if (!ok)
        return false;
    refuse_bad_feeds(&im, result);
    for (unsigned i = 0; i < options->meta_count; i++)
        if (!db_writer_set_meta(writer, options->meta[2 * i], options->meta[2 * i + 1], error))
            return false;
    return db_writer_commit(writer, error);
}
