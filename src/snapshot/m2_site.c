#include "snapshot/m2_site.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "base/error.h"
#include "base/http_client.h"
#include "base/limits.h"
#include "base/setting.h"
#include "base/text.h"

#define BUSY_MILLISECONDS 5000
#define CALL_SECONDS      300 /* making a snapshot copies the whole disk */
#define SAID_MAX          200

/* --- settings ----------------------------------------------------------------------------------
 */

static bool is_plain(const char *text)
{
    return *text != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789._-") == strlen(text);
}

bool m2_site_init(struct m2_site *s, const json_t *storage, GError **error)
{
    const json_t *map = json_object_get(storage, "m2");
    const struct setting members[] = { { "url", SETTING_TEXT, &s->url, 0 },
                                       { "ca_file", SETTING_TEXT, &s->ca_file, 0 },
                                       { "user", SETTING_TEXT, &s->user, 0 },
                                       { "password_file", SETTING_TEXT, &s->password_file, 0 },
                                       { "database", SETTING_TEXT, &s->database, 0 },
                                       { "uid", SETTING_TEXT, &s->uid, 0 },
                                       { "pool", SETTING_TEXT, &s->pool, 0 },
                                       { "cluster", SETTING_TEXT, &s->cluster, 0 },
                                       { 0 } };
    *s = (struct m2_site){ 0 };
    if (map == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "M2 is not set (storage.m2 in the settings)");
    bool ok = setting_read(members, "storage.m2", map, error) &&
              (s->url == NULL || http_url_valid("storage.m2.url", s->url, error));
    if (ok && (s->uid == NULL || !is_plain(s->uid) || s->pool == NULL || !is_plain(s->pool)))
        ok = fail(error, ASSAY_ERROR_INVALID,
                  "storage.m2: uid and pool are texts of letters and "
                  "digits");
    if (ok && s->url != NULL && g_str_has_suffix(s->url, "/"))
        s->url[strlen(s->url) - 1] = '\0';
    if (!ok)
        m2_site_clear(s);
    return ok;
}

void m2_site_clear(struct m2_site *s)
{
    char *const texts[] = { s->url,      s->ca_file, s->user, s->password_file,
                            s->database, s->uid,     s->pool, s->cluster };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    *s = (struct m2_site){ 0 };
}

void m2_disk_free(struct m2_disk *d)
{
    g_free(d->name);
    g_free(d->image);
    g_free(d);
}

char *m2_location(const struct m2_site *s, const char *image)
{
    return s->cluster != NULL ? g_strdup_printf("rbd://%s/%s/%s", s->cluster, s->pool, image)
                              : g_strdup_printf("rbd:%s/%s", s->pool, image);
}

/* --- the database ------------------------------------------------------------------------------
 */

static GPtrArray *collect(const struct m2_site *s, sqlite3_stmt *rows, GError **error)
{
    int r;
    g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func((GDestroyNotify)m2_disk_free);
    while ((r = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0);
        struct m2_disk *d = g_new0(struct m2_disk, 1);
        d->name = g_strdup(name != NULL ? name : "");
        d->image = g_strdup_printf("%simg%" PRId64, s->uid, (int64_t)sqlite3_column_int64(rows, 1));
        g_ptr_array_add(disks, d);
    }
    if (r == SQLITE_DONE)
        return g_steal_pointer(&disks);
    (void)fail(error, ASSAY_ERROR_IO, "M2's database %s: %s", s->database, sqlite3_errstr(r));
    return NULL;
}

/* ?1 is the project, ?2 a name. */
static GPtrArray *ask(const struct m2_site *s, const char *statement, const char *project,
                      const char *name, GError **error)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    GPtrArray *found = NULL;
    if (s->database == NULL) {
        (void)fail(error, ASSAY_ERROR_INVALID, "M2's database is not set (storage.m2.database)");
        return NULL;
    }
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    int r = sqlite3_open_v2(s->database, &db, flags, NULL);
    if (r == SQLITE_OK)
        (void)sqlite3_busy_timeout(db, BUSY_MILLISECONDS);
    if (r == SQLITE_OK)
        r = sqlite3_prepare_v2(db, statement, -1, &rows, NULL);
    if (r == SQLITE_OK) {
        (void)sqlite3_bind_text(rows, 1, project, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(rows, 2, name, -1, SQLITE_STATIC);
        found = collect(s, rows, error);
    } else {
        (void)fail(error, ASSAY_ERROR_IO, "M2's database %s: %s", s->database,
                   db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(r));
    }
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(db);
    return found;
}

#define FROM                                                                                       \
    "SELECT i.name, i.id FROM image i JOIN project p ON p.id = i.project_id WHERE p.name = ?1"

GPtrArray *m2_disks(const struct m2_site *s, const char *project, GError **error)
{
    return ask(s,
               FROM " AND i.parent_id IS NOT NULL AND NOT i.is_snapshot AND ?2 IS NULL"
                    " ORDER BY i.name LIMIT " G_STRINGIFY(LIMIT_IMPORT),
               project, NULL, error);
}

char *m2_snapshot_image(const struct m2_site *s, const char *project, const char *name,
                        GError **error)
{
    g_autoptr(GPtrArray) found =
        ask(s, FROM " AND i.name = ?2 AND i.is_snapshot LIMIT 1", project, name, error);
    if (found == NULL)
        return NULL;
    if (found->len == 1)
        return g_strdup(((const struct m2_disk *)g_ptr_array_index(found, 0))->image);
    (void)fail(error, ASSAY_ERROR_NOT_FOUND, "M2's database has no snapshot %s in its project %s",
               name, project);
    return NULL;
}

/* --- REST --------------------------------------------------------------------------------------
 */

static bool fail_said(const char *path, const struct http_answer *a, GError **error)
{
    g_autoptr(GString) said = g_string_new(NULL);
    text_append_safe(said, a->body->str, MIN(a->body->len, SAID_MAX));
    return fail(error,
                a->status == 404                       ? ASSAY_ERROR_NOT_FOUND
                : a->status == 401 || a->status == 403 ? ASSAY_ERROR_DENIED
                                                       : ASSAY_ERROR_IO,
                "M2: %s: answered %u: %s", path, a->status, said->str);
}

/* NULL without *error when there is none. */
static char *read_password(const struct m2_site *s, GError **error)
{
    char *text = NULL;
    g_autoptr(GError) failure = NULL;
    if (s->password_file == NULL)
        return NULL;
    if (!g_file_get_contents(s->password_file, &text, NULL, &failure)) {
        (void)fail(error, ASSAY_ERROR_IO, "storage.m2.password_file: %s", failure->message);
        return NULL;
    }
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

bool m2_call(const struct m2_site *s, const char *method, const char *path, const char *form,
             const char *user, const char *password, char **answer, GError **error)
{
    g_autofree char *url = g_strconcat(s->url != NULL ? s->url : "", path, NULL);
    g_autofree char *own = user == NULL ? read_password(s, error) : NULL;
    struct http_answer a = { 0 };
    if (s->url == NULL)
        return fail(error, ASSAY_ERROR_INVALID, "M2's REST is not set (storage.m2.url)");
    if (user == NULL && s->password_file != NULL && own == NULL)
        return false;
    const struct http_call call = {
        .method = method,
        .url = url,
        .headers = (const char *const[]){ "Content-Type: application/x-www-form-urlencoded", NULL },
        .user = user != NULL ? user : s->user,
        .password = user != NULL ? password : own,
        .body = form,
        .len = strlen(form),
        .ca_file = s->ca_file,
        .seconds = CALL_SECONDS,
    };
    if (!http_client_call(&call, &a, error))
        return false;
    bool ok = a.status / 100 == 2 || fail_said(path, &a, error);
    if (ok && answer != NULL)
        *answer = g_strndup(a.body->str, a.body->len);
    http_answer_done(&a);
    return ok;
}
