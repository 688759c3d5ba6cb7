#include "introspect/matching.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "base/limits.h"
#include "base/text.h"
#include "config.h"
#include "frame/record_json.h"

struct matching {
    struct advisory_db *db;
    struct advisories advisories;
    bool current;
    struct judgement_writer *writer;
};

void matching_close(struct matching *m)
{
    if (m == NULL)
        return;
    judgement_writer_free(m->writer);
    advisory_db_close(m->db);
    g_free(m);
}

const struct advisories *matching_advisories(const struct matching *m)
{
    return &m->advisories;
}

bool matching_is_current(const struct matching *m)
{
    return m->current;
}

/* --- what the database is known by
 * ---------------------------------------------------------------- */

/* A program that matches otherwise comes to other findings, so its version belongs to it. */
static char *digest_of(struct advisory_db *db)
{
    const GPtrArray *feeds = advisory_db_feeds(db);
    g_autoptr(GString) text = g_string_new(ASSAY_VERSION);
    for (guint i = 0; i < feeds->len; i++) {
        const struct advisory_feed *f = feeds->pdata[i];
        g_string_append_printf(
            text, "\n%s %s %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, f->name,
            f->sha256 != NULL ? f->sha256 : "", f->records, f->data_date, f->imported);
    }
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
}

static void write_time(struct json_writer *w, const char *key, int64_t seconds)
{
    g_autofree char *text = seconds != 0 ? text_time(seconds) : NULL;
    jw_string_opt(w, key, text);
}

static char *describe_feeds(struct advisory_db *db)
{
    const GPtrArray *feeds = advisory_db_feeds(db);
    struct json_writer w;
    jw_init(&w, NULL, true);
    jw_array_begin(&w, NULL);
    for (guint i = 0; i < feeds->len; i++) {
        const struct advisory_feed *f = feeds->pdata[i];
        jw_object_begin(&w, NULL);
        jw_string(&w, "name", f->name);
        write_time(&w, "data_date", f->data_date);
        write_time(&w, "imported", f->imported);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    g_autoptr(GString) text = jw_take(&w);
    g_string_free(w.buffer, TRUE);
    return g_strdup(g_strchomp(text->str));
}

static bool make_known(struct matching *m, struct sql *db, const char *path, GError **error)
{
    struct stat st;
    struct advisories newest;
    if (stat(path, &st) != 0)
        return fail_errno(error, errno, "%s", path);
    g_autofree char *digest = digest_of(m->db), *feeds = describe_feeds(m->db);
    int64_t written = st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
    if (!advisories_register(db, digest, written, feeds, &m->advisories, error) ||
        !advisories_current(db, &newest, error))
        return false;
    m->current = newest.number == m->advisories.number;
    return true;
}

struct matching *matching_open(struct sql *db, const char *path, bool refresh, GError **error)
{
    g_autofree char *usual = path == NULL ? advisory_db_default_path() : NULL;
    const char *file = path != NULL ? path : usual;
    g_autoptr(matching) m = g_new0(struct matching, 1);
    g_autoptr(GError) failure = NULL;
    m->db = advisory_db_open(file, &failure);
    if (m->db == NULL) {
        if (!g_error_matches(failure, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
            g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (!make_known(m, db, file, error))
        return NULL;
    m->writer = judgement_writer_new(m->advisories.number, refresh);
    return g_steal_pointer(&m);
}

/* --- contexts
 * -------------------------------------------------------------------------------------- */

char *matching_context(const struct frame_os *os)
{
    struct frame_os looked_at = match_os(os);
    struct json_writer w;
    jw_init(&w, NULL, true);
    record_write(&w, NULL, FRAME_OS, &looked_at);
    g_autoptr(GString) text = jw_take(&w);
    g_string_free(w.buffer, TRUE);
    return g_strdup(g_strchomp(text->str));
}

static bool add_system(struct frame *f, const struct context *c, GError **error)
{
    struct frame_os os;
    json_error_t why;
    json_t *json = json_loads(c->os, 0, &why);
    if (json == NULL)
        return fail_corrupt(error, "store: context %" G_GINT64_FORMAT ": %s", c->number, why.text);
    bool ok =
        record_read(json, FRAME_OS, f->arena, &os, error) && frame_add(f, FRAME_OS, &os, error);
    json_decref(json);
    return ok;
}

static bool add_package(struct frame *f, const struct installed *row, GError **error)
{
    const char *const *field = row->fields;
    const struct frame_package p = {
        .type = field[INSTALLED_TYPE],
        .name = field[INSTALLED_NAME],
        .version = field[INSTALLED_VERSION],
        .arch = field[INSTALLED_ARCH],
        .source = field[INSTALLED_SOURCE],
        .source_version = field[INSTALLED_SOURCE_VERSION],
        .source_rpm = field[INSTALLED_SOURCE_RPM],
        .vendor = field[INSTALLED_VENDOR],
        .origin = field[INSTALLED_ORIGIN],
        .module = field[INSTALLED_MODULE],
    };
    return frame_add(f, FRAME_PACKAGE, &p, error);
}

/* --- findings
 * -------------------------------------------------------------------------------------- */

/* Some rows of one context, as a frame. */
struct group {
    const struct context *context;
    GArray *rows; /* const struct installed * */
};

struct batch {
    struct arena *arena; /* texts of findings */
    GArray *findings;    /* struct judgement_row */
};

static bool join(struct arena *arena, const char *const *names, const char **out, GError **error)
{
    *out = NULL;
    if (names == NULL || names[0] == NULL)
        return true;
    g_autofree char *text = g_strjoinv(" ", (char **)names);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    *out = arena_strdup(arena, valid);
    return *out != NULL || fail_limit(error, "too many findings");
}

/* What was published is text, or was meant to be. */
static bool valid_text(struct arena *arena, const char *bytes, const char **out, GError **error)
{
    *out = bytes;
    if (bytes == NULL || g_utf8_validate(bytes, -1, NULL))
        return true;
    g_autofree char *valid = g_utf8_make_valid(bytes, -1);
    *out = arena_strdup(arena, valid);
    return *out != NULL || fail_limit(error, "too many findings");
}

static int64_t millionths(double fraction)
{
    return fraction < 0 ? -1 : (int64_t)(fraction * 1e6 + 0.5);
}

static bool add_finding(struct batch *b, int64_t installed, const struct finding *f, GError **error)
{
    struct judgement_row row = {
        .installed = installed,
        .severity = (int64_t)f->severity,
        .state = (int64_t)f->state,
        .known_exploited = f->known_exploited,
        .ransomware = f->ransomware,
        .kev_due = f->kev_due,
        .epss = millionths(f->epss),
        .percentile = millionths(f->epss_percentile),
    };
    if (!valid_text(b->arena, f->id, &row.id, error) ||
        !valid_text(b->arena, f->fixed_version, &row.fixed, error) ||
        !valid_text(b->arena, f->title, &row.title, error) ||
        !join(b->arena, f->advisories, &row.advisories, error) ||
        !join(b->arena, f->aliases, &row.aliases, error))
        return false;
    g_array_append_val(b->findings, row);
    return true;
}

/* The packages of a frame that has not been finished are in the order in which they were added. */
static bool collect(struct batch *b, const struct group *g, const struct frame *f,
                    const GPtrArray *findings, GError **error)
{
    const struct frame_system *system = f->systems->pdata[0];
    const GPtrArray *packages = system->records[FRAME_PACKAGE];
    guint at = 0;
    for (guint i = 0; i < findings->len; i++) {
        const struct finding *one = findings->pdata[i];
        while (at < packages->len && packages->pdata[at] != one->package)
            at++;
        if (at == packages->len)
            return fail(error, ASSAY_ERROR_IO, "a finding of no package");
        const struct installed *row = g_array_index(g->rows, const struct installed *, at);
        if (!add_finding(b, row->number, one, error))
            return false;
    }
    return true;
}

static bool speaks(const GPtrArray *coverage)
{
    for (guint i = 0; i < coverage->len; i++) {
        const struct frame_coverage *c = coverage->pdata[i];
        if (c->state == COVERAGE_PARTIAL || c->state == COVERAGE_UNREADABLE)
            return false;
    }
    return true;
}

static bool match_group(struct matching *m, const struct group *g, struct batch *b, bool *complete,
                        GError **error)
{
    g_autoptr(frame) f = frame_new("judging");
    g_autoptr(GPtrArray) findings = g_ptr_array_new(), coverage = g_ptr_array_new();
    const struct match_options options = { .now = frame_now(), .ubuntu_pro = g->context->pro };
    if (!add_system(f, g->context, error))
        return false;
    for (guint i = 0; i < g->rows->len; i++) {
        if (!add_package(f, g_array_index(g->rows, const struct installed *, i), error))
            return false;
    }
    if (!advisory_match(m->db, f, &options, f->arena, findings, coverage, error))
        return false;
    if (complete != NULL)
        *complete = speaks(coverage);
    return b == NULL || collect(b, g, f, findings, error);
}

bool matching_speaks_of(struct matching *m, const struct context *context, bool *out,
                        GError **error)
{
    g_autoptr(GArray) none = g_array_new(FALSE, FALSE, sizeof(struct installed *));
    const struct group g = { context, none };
    return match_group(m, &g, NULL, out, error);
}

static void group_free(gpointer data)
{
    struct group *g = data;
    g_array_unref(g->rows);
    g_free(g);
}

static GHashTable *group_rows(GHashTable *contexts, const struct installed *rows, size_t count,
                              GError **error)
{
    g_autoptr(GHashTable) groups =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, group_free);
    for (size_t i = 0; i < count; i++) {
        const struct installed *row = &rows[i];
        struct group *g = g_hash_table_lookup(groups, &row->context);
        if (g == NULL) {
            const struct context *c = g_hash_table_lookup(contexts, &row->context);
            if (c == NULL) {
                (void)fail_corrupt(error, "store: a package in no context");
                return NULL;
            }
            g = g_new0(struct group, 1);
            g->context = c;
            g->rows = g_array_new(FALSE, FALSE, sizeof(struct installed *));
            g_hash_table_insert(groups, (gpointer)&c->number, g);
        }
        g_array_append_val(g->rows, row);
    }
    return g_steal_pointer(&groups);
}

bool matching_judge(struct matching *m, struct sql *db, GHashTable *contexts,
                    const struct installed *rows, size_t count, GError **error)
{
    g_autoptr(GHashTable) groups = group_rows(contexts, rows, count, error);
    g_autoptr(arena) texts = arena_new(LIMIT_FRAME_MEMORY);
    g_autoptr(GArray) findings = g_array_new(FALSE, FALSE, sizeof(struct judgement_row));
    struct batch b = { texts, findings };
    GHashTableIter iter;
    gpointer value;
    if (groups == NULL)
        return false;
    g_hash_table_iter_init(&iter, groups);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (!match_group(m, value, &b, NULL, error))
            return false;
    }
    return judgements_write(db, m->writer, rows, count, findings, error);
}
