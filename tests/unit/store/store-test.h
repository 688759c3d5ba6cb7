/* A fresh store for each test: SQLite, or with ASSAY_TEST_STORE=postgresql://... a schema of its
 * own in that database (tests/e2e/test_store.py runs these programs so). */
#pragma once
#include <glib.h>
#include <glib/gstdio.h>

#include "store/sql.h"
#include "store/store.h"

struct store_test {
    char *url;
    struct sql *db;
    char *folder, *schema;
};

static inline void store_test_open(struct store_test *t)
{
    GError *error = NULL;
    const char *server = g_getenv("ASSAY_TEST_STORE");
    if (server == NULL) {
        t->folder = g_dir_make_tmp("assay-test-XXXXXX", &error);
        g_assert_no_error(error);
        t->url = g_strdup_printf("sqlite:%s/store.db", t->folder);
    } else {
        g_autofree char *make = NULL;
        g_autoptr(sql) db = sql_open(server, &error);
        g_assert_no_error(error);
        t->schema = g_strdup_printf("test_%08x%08x", g_random_int(), g_random_int());
        make = g_strdup_printf("CREATE SCHEMA %s", t->schema);
        g_assert_true(sql_script(db, make, &error));
        t->url = g_strdup_printf("%s%coptions=-csearch_path%%3D%s", server,
                                 strchr(server, '?') != NULL ? '&' : '?', t->schema);
    }
    t->db = sql_open(t->url, &error);
    g_assert_no_error(error);
}

/* The same with the tables of the service. */
static inline void store_test_make(struct store_test *t)
{
    GError *error = NULL;
    store_test_open(t);
    sql_close(t->db);
    t->db = store_open(t->url, &error);
    g_assert_no_error(error);
}

static inline void store_test_close(struct store_test *t)
{
    GError *error = NULL;
    if (t->schema != NULL) {
        g_autofree char *drop = g_strdup_printf("DROP SCHEMA %s CASCADE", t->schema);
        g_assert_true(sql_script(t->db, drop, &error));
    }
    sql_close(t->db);
    if (t->folder != NULL) {
        static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm", "" };
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
            g_autofree char *path = g_build_filename(t->folder, names[i], NULL);
            (void)g_remove(path);
        }
    }
    g_free(t->url);
    g_free(t->folder);
    g_free(t->schema);
}
