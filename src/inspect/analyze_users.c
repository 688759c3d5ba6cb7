/* Users and groups: passwd(5), shadow(5), group(5). */
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/text.h"
#include "inspect/analyzers.h"

#define SHADOW_COLUMNS 9

/* The lines of a file, each split at its colons; NULL when there is no such file. Other trouble is
 * coverage. Lists of strings, owned, each at least so long. */
static GPtrArray *read_table(struct inspection *in, const char *path, unsigned least, unsigned most)
{
    GError *error = NULL;
    g_autoptr(GBytes) bytes = root_read(in->root, path, 64 * LIMIT_SMALL_FILE, &error);
    if (bytes == NULL) {
        if (g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
            g_error_free(error);
        else
            inspection_cover_error(in, "file", path, false, error);
        return NULL;
    }
    GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    const char *pos = g_bytes_get_data(bytes, NULL), *end = pos + g_bytes_get_size(bytes), *line;
    size_t len;
    unsigned bad = 0;
    while (text_next_line(&pos, end, &line, &len)) {
        if (len == 0 || *line == '#' || *line == '+' || *line == '-')
            continue; /* lines of NIS name users that are not of this system */
        g_autofree char *text = g_strndup(line, len);
        char **parts = g_strsplit(text, ":", -1);
        unsigned columns = g_strv_length(parts);
        if (columns < least || columns > most)
            bad++; /* too long: two lines that were joined, of which the first is known */
        if (columns >= least)
            g_ptr_array_add(lines, parts);
        else
            g_strfreev(parts);
    }
    if (bad > 0) {
        g_autofree char *reason = g_strdup_printf("%u malformed lines", bad);
        inspection_cover(in, "file", path, COVERAGE_PARTIAL, assay_error_name(ASSAY_ERROR_CORRUPT),
                         reason);
    }
    return lines;
}

/* What shadow(5) or crypt(5) make of the password field; the hash itself is nobody's business. */
static const char *password_state(const char *field)
{
    if (*field == '\0')
        return "empty";
    if (g_str_equal(field, "*") || g_str_equal(field, "!*") || g_str_equal(field, "!") ||
        g_str_equal(field, "!!") || g_str_equal(field, "*LK*"))
        return "none";
    return *field == '!' ? "locked" : "set";
}

static GHashTable *read_shadow(struct inspection *in)
{
    g_autoptr(GPtrArray) lines = read_table(in, "/etc/shadow", 2, SHADOW_COLUMNS);
    if (lines == NULL)
        return NULL;
    GHashTable *states = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (unsigned i = 0; i < lines->len; i++) {
        char **f = g_ptr_array_index(lines, i);
        g_hash_table_insert(states, g_strdup(f[0]), (void *)password_state(f[1]));
    }
    return states;
}

static void emit_users(struct inspection *in)
{
    g_autoptr(GPtrArray) lines = read_table(in, "/etc/passwd", 7, 7);
    if (lines == NULL)
        return;
    g_autoptr(GHashTable) shadow = read_shadow(in);
    for (unsigned i = 0; i < lines->len; i++) {
        char **f = g_ptr_array_index(lines, i);
        struct frame_user u = { .name = f[0], .gecos = f[4], .home = f[5], .shell = f[6] };
        if (!parse_u64(f[2], strlen(f[2]), &u.uid) || !parse_u64(f[3], strlen(f[3]), &u.gid)) {
            inspection_cover(in, "file", "/etc/passwd", COVERAGE_PARTIAL,
                             assay_error_name(ASSAY_ERROR_CORRUPT), "a user without a number");
            continue;
        }
        const char *state = shadow != NULL ? g_hash_table_lookup(shadow, f[0]) : NULL;
        if (!g_str_equal(f[1], "x"))
            state = password_state(f[1]);
        u.password = state != NULL ? state : "unknown";
        inspection_emit(in, FRAME_USER, &u);
    }
}

static void emit_groups(struct inspection *in)
{
    g_autoptr(GPtrArray) lines = read_table(in, "/etc/group", 4, 4);
    for (unsigned i = 0; lines != NULL && i < lines->len; i++) {
        char **f = g_ptr_array_index(lines, i);
        g_auto(GStrv) members = g_strsplit(f[3], ",", -1);
        struct frame_group g = { .name = f[0] };
        if (*f[3] != '\0')
            g.members = (const char *const *)members;
        if (parse_u64(f[2], strlen(f[2]), &g.gid))
            inspection_emit(in, FRAME_GROUP, &g);
        else
            inspection_cover(in, "file", "/etc/group", COVERAGE_PARTIAL,
                             assay_error_name(ASSAY_ERROR_CORRUPT), "a group without a number");
    }
}

static void run(struct inspection *in)
{
    emit_users(in);
    emit_groups(in);
}

const struct analyzer analyze_users = {
    .name = "users",
    .description = "users and groups",
    .run = run,
};
