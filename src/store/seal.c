#include "store/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/limits.h"

#define KEY_BYTES   crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define ID_BYTES    8 /* of a key's name, which is a hash of it */
#define VARIANT     sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define KEYS_MAX    16
#define FORM        "a1" /* of the sealed text: "a1.KEY.base64url(nonce, ciphertext, tag)" */

const struct seal_column seal_columns[] = {
    { "credential", "secret", false },
    { "hook", "secret", false },
    { "notification", "secret", false },
    { "notification", "url", true },
    { NULL, NULL, false },
};

struct key {
    uint8_t bytes[KEY_BYTES];
    char id[2 * ID_BYTES + 1];
};

struct seal {
    char *path;
    GMutex lock;
    struct key keys[KEYS_MAX]; /* the rest under the lock */
    unsigned count;
    struct stat state; /* of the file, when it was read */
};

/* --- the file of keys --------------------------------------------------------------------------
 */

static void name_key(struct key *k)
{
    static const unsigned char domain[] = "assay key";
    uint8_t id[MAX(ID_BYTES, crypto_generichash_BYTES_MIN)];
    (void)crypto_generichash(id, sizeof id, k->bytes, KEY_BYTES, domain, sizeof domain - 1);
    (void)sodium_bin2hex(k->id, sizeof k->id, id, ID_BYTES);
}

static bool parse_key(const char *path, const char *line, struct key *out, GError **error)
{
    size_t len = 0;
    const char *end = NULL;
    if (sodium_base642bin(out->bytes, KEY_BYTES, line, strlen(line), NULL, &len, &end, VARIANT) !=
            0 ||
        len != KEY_BYTES || *end != '\0')
        return fail(error, ASSAY_ERROR_INVALID, "key file %s: a line is not a key", path);
    name_key(out);
    return true;
}

static bool parse_keys(struct seal *s, char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    bool ok = true;
    s->count = 0;
    for (char **l = lines; ok && *l != NULL; l++) {
        if (*g_strstrip(*l) == '\0' || **l == '#')
            continue;
        ok = s->count < KEYS_MAX
                 ? parse_key(s->path, *l, &s->keys[s->count++], error)
                 : fail_limit(error, "key file %s: more than %d keys", s->path, KEYS_MAX);
    }
    for (char **l = lines; *l != NULL; l++)
        sodium_memzero(*l, strlen(*l));
    return ok && (s->count > 0 ||
                  fail(error, ASSAY_ERROR_INVALID, "key file %s: there is no key in it", s->path));
}

/* Orchestrators hand secrets out as files that a group may read. */
static bool is_private(const char *path, const struct stat *st, GError **error)
{
    if (!S_ISREG(st->st_mode))
        return fail(error, ASSAY_ERROR_INVALID, "key file %s: not a file", path);
    return (st->st_mode & 027) == 0 ||
           fail(error, ASSAY_ERROR_DENIED,
                "key file %s: has mode %04o; others must not read it, nor its group change it "
                "(chmod 600)",
                path, st->st_mode & 07777);
}

static bool read_keys(struct seal *s, GError **error)
{
    char text[LIMIT_KEY_FILE];
    autoclose int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s->state) != 0)
        return fail_errno(error, errno, "key file %s", s->path);
    if (!is_private(s->path, &s->state, error))
        return false;
    ssize_t len = read(fd, text, sizeof text);
    if (len < 0)
        return fail_errno(error, errno, "key file %s", s->path);
    if (len == (ssize_t)sizeof text)
        return fail_limit(error, "key file %s: longer than %zu bytes", s->path, sizeof text - 1);
    text[len] = '\0';
    bool ok = parse_keys(s, text, error);
    sodium_memzero(text, sizeof text);
    return ok;
}

/* The file with a new key before those that s has; they are in s afterwards. Several programs may
 * make the first one at once: replace false leaves the file that is there alone. */
static bool write_keys(struct seal *s, bool replace, GError **error)
{
    bool ok = true;
    g_autofree char *folder = g_path_get_dirname(s->path);
    g_autofree char *part = g_strdup_printf("%s.XXXXXX", s->path);
    GString *text = g_string_sized_new(LIMIT_KEY_FILE);
    g_string_append(text, "# Keys that the store's secrets are sealed with. Without this file they "
                          "are lost.\n");
    for (unsigned i = 0; i < s->count; i++) {
        char line[sodium_base64_ENCODED_LEN(KEY_BYTES, VARIANT)];
        (void)sodium_bin2base64(line, sizeof line, s->keys[i].bytes, KEY_BYTES, VARIANT);
        g_string_append_printf(text, "%s\n", line);
        sodium_memzero(line, sizeof line);
    }
    if (g_mkdir_with_parents(folder, 0700) != 0)
        ok = fail_errno(error, errno, "%s", folder);
    autoclose int fd = ok ? g_mkstemp_full(part, O_WRONLY | O_CLOEXEC, 0600) : -1;
    if (ok && (fd < 0 || write(fd, text->str, text->len) != (ssize_t)text->len || fsync(fd) != 0))
        ok = fail_errno(error, errno, "key file %s", part);
    if (ok && replace && rename(part, s->path) != 0)
        ok = fail_errno(error, errno, "key file %s", s->path);
    if (ok && !replace && link(part, s->path) != 0 && errno != EEXIST)
        ok = fail_errno(error, errno, "key file %s", s->path);
    if (fd >= 0 && (!ok || !replace))
        (void)unlink(part);
    sodium_memzero(text->str, text->len);
    g_string_free(text, TRUE);
    return ok;
}

static void add_key(struct seal *s)
{
    struct key fresh;
    randombytes_buf(fresh.bytes, KEY_BYTES);
    name_key(&fresh);
    memmove(&s->keys[1], &s->keys[0], (KEYS_MAX - 1) * sizeof s->keys[0]);
    s->keys[0] = fresh;
    s->count = MIN(s->count + 1, KEYS_MAX);
    sodium_memzero(&fresh, sizeof fresh);
}

static const struct key *find_key(const struct seal *s, const char *id)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (g_str_equal(s->keys[i].id, id))
            return &s->keys[i];
    }
    return NULL;
}

/* Another program may have put a new key in. When the file cannot be read now, what was read
 * holds. */
static void refresh(struct seal *s)
{
    struct stat now;
    if (stat(s->path, &now) != 0 ||
        (now.st_ino == s->state.st_ino && now.st_size == s->state.st_size &&
         now.st_mtim.tv_sec == s->state.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == s->state.st_mtim.tv_nsec))
        return;
    struct seal fresh = { .path = s->path };
    if (read_keys(&fresh, NULL)) {
        memcpy(s->keys, fresh.keys, sizeof s->keys);
        s->count = fresh.count;
    }
    s->state = now;
    sodium_memzero(&fresh, sizeof fresh);
}

/* --- opening -----------------------------------------------------------------------------------
 */

/* The key that the store was sealed with last; NULL without *error: it never was. g_free() */
static char *last_key(struct sql *db, GError **error)
{
    g_autoptr(sql_rows) rows =
        sql_query(db, error, "SELECT id FROM seal_key ORDER BY created DESC, id LIMIT 1", "");
    return rows != NULL && sql_rows_next(rows, error) ? g_strdup(sql_text(rows, 0)) : NULL;
}

static bool register_key(struct sql *db, void *user, GError **error)
{
    struct seal *s = user;
    g_autoptr(GError) failure = NULL;
    g_autofree char *last = last_key(db, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (last != NULL && find_key(s, last) == NULL)
        return fail(error, ASSAY_ERROR_INVALID,
                    "key file %s: does not hold the key %s that the store's secrets are sealed "
                    "with; every server and worker of a store needs the same file",
                    s->path, last);
    return g_strcmp0(last, s->keys[0].id) == 0 ||
           sql_run(db, NULL, error,
                   "INSERT INTO seal_key (id, created) VALUES ($1, $2)"
                   " ON CONFLICT (id) DO UPDATE SET created = excluded.created",
                   "si", s->keys[0].id, store_now());
}

static bool make_first(struct sql *db, struct seal *s, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *last = last_key(db, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    if (last != NULL)
        return fail(error, ASSAY_ERROR_NOT_FOUND,
                    "key file %s: is missing; the store's secrets are sealed with its key %s",
                    s->path, last);
    add_key(s);
    return write_keys(s, false, error);
}

struct seal *seal_open(struct sql *db, const char *path, GError **error)
{
    g_autoptr(seal) s = g_new0(struct seal, 1);
    s->path = g_strdup(path);
    g_mutex_init(&s->lock);
    if (sodium_init() < 0)
        g_error("libsodium does not start"); /* no random numbers: nothing safe can be done */
    if (!g_file_test(path, G_FILE_TEST_EXISTS) && !make_first(db, s, error))
        return NULL;
    if (!read_keys(s, error) || !sql_transaction(db, register_key, s, error))
        return NULL;
    return g_steal_pointer(&s);
}

void seal_free(struct seal *s)
{
    if (s == NULL)
        return;
    g_mutex_clear(&s->lock);
    g_free(s->path);
    sodium_memzero(s, sizeof *s);
    g_free(s);
}

/* --- sealing -----------------------------------------------------------------------------------
 */

/* No part holds a slash: tables and columns are our words, and identifiers are store_id_new()'s. */
static char *associated(const struct seal_place *p)
{
    return g_strdup_printf("%s/%s/%s", p->table, p->id, p->column);
}

static char *seal_with(const struct key *k, const struct seal_place *place, const char *secret)
{
    g_autofree char *ad = associated(place);
    size_t len = strlen(secret), size = NONCE_BYTES + len + TAG_BYTES;
    g_autofree uint8_t *bytes = g_malloc(size);
    randombytes_buf(bytes, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        bytes + NONCE_BYTES, NULL, (const uint8_t *)secret, len, (const uint8_t *)ad, strlen(ad),
        NULL, bytes, k->bytes);
    size_t room = sodium_base64_encoded_len(size, VARIANT);
    g_autofree char *text = g_malloc(room);
    return g_strdup_printf(FORM ".%s.%s", k->id,
                           sodium_bin2base64(text, room, bytes, size, VARIANT));
}

char *seal_text(struct seal *s, const struct seal_place *place, const char *secret, GError **error)
{
    if (strlen(secret) > LIMIT_SECRET) {
        (void)fail_limit(error, "a secret has at most %d bytes", LIMIT_SECRET);
        return NULL;
    }
    g_mutex_lock(&s->lock);
    refresh(s);
    struct key k = s->keys[0];
    g_mutex_unlock(&s->lock);
    char *sealed = seal_with(&k, place, secret);
    sodium_memzero(&k, sizeof k);
    return sealed;
}

static char *read_with(const struct key *k, const struct seal_place *place, const char *text,
                       GError **error)
{
    size_t len = strlen(text), got = 0;
    g_autofree char *ad = associated(place);
    g_autofree uint8_t *bytes = g_malloc(len + 1);
    const char *end = NULL;
    bool good = sodium_base642bin(bytes, len + 1, text, len, NULL, &got, &end, VARIANT) == 0 &&
                *end == '\0' && got >= NONCE_BYTES + TAG_BYTES;
    char *secret = g_malloc0(got + 1);
    if (good && crypto_aead_xchacha20poly1305_ietf_decrypt(
                    (uint8_t *)secret, NULL, NULL, bytes + NONCE_BYTES, got - NONCE_BYTES,
                    (const uint8_t *)ad, strlen(ad), bytes, k->bytes) == 0)
        return secret;
    g_free(secret);
    (void)fail_corrupt(error, "%s %s: its sealed %s was changed, or is another's", place->table,
                       place->id, place->column);
    return NULL;
}

bool seal_is_sealed(const char *text)
{
    return g_str_has_prefix(text, FORM ".");
}

char *seal_read(struct seal *s, const struct seal_place *place, const char *sealed, GError **error)
{
    struct key k = { 0 };
    g_auto(GStrv) parts = g_strsplit(sealed, ".", 4);
    if (g_strv_length(parts) != 3 || !g_str_equal(parts[0], FORM)) {
        (void)fail_corrupt(error, "%s %s: its %s is not a sealed text", place->table, place->id,
                           place->column);
        return NULL;
    }
    g_mutex_lock(&s->lock);
    refresh(s);
    const struct key *found = find_key(s, parts[1]);
    if (found != NULL)
        k = *found;
    g_mutex_unlock(&s->lock);
    if (found == NULL) {
        (void)fail(error, ASSAY_ERROR_NOT_FOUND,
                   "%s %s: its %s was sealed with the key %s, which "
                   "is not in the key file",
                   place->table, place->id, place->column, parts[1]);
        return NULL;
    }
    char *secret = read_with(&k, place, parts[2], error);
    sodium_memzero(&k, sizeof k);
    return secret;
}

char *seal_digest(struct seal *s, const void *data, gsize len)
{
    static const unsigned char domain[] = "assay digest";
    uint8_t key[crypto_generichash_KEYBYTES], digest[crypto_generichash_BYTES];
    char text[2 * sizeof digest + 1];
    g_mutex_lock(&s->lock);
    refresh(s);
    (void)crypto_generichash(key, sizeof key, domain, sizeof domain - 1, s->keys[0].bytes,
                             KEY_BYTES);
    g_mutex_unlock(&s->lock);
    (void)crypto_generichash(digest, sizeof digest, data, len, key, sizeof key);
    sodium_memzero(key, sizeof key);
    return g_strdup(sodium_bin2hex(text, sizeof text, digest, sizeof digest));
}

void seal_forget(char *secret)
{
    if (secret != NULL)
        sodium_memzero(secret, strlen(secret));
    g_free(secret);
}

/* --- a new key ---------------------------------------------------------------------------------
 */

struct rotation {
    struct seal *seal;
    unsigned sealed;
};

static bool seal_again(struct rotation *r, struct sql *db, const struct seal_column *c,
                       const char *id, const char *old, GError **error)
{
    const struct seal_place place = { c->table, id, c->column };
    g_autofree char *statement =
        g_strdup_printf("UPDATE %s SET %s = $2 WHERE id = $1", c->table, c->column);
    char *secret = c->was_plain && !seal_is_sealed(old) ? g_strdup(old)
                                                        : seal_read(r->seal, &place, old, error);
    if (secret == NULL)
        return false;
    g_autofree char *sealed = seal_with(&r->seal->keys[0], &place, secret);
    seal_forget(secret);
    r->sealed++;
    return sql_run(db, NULL, error, statement, "ss", id, sealed);
}

static bool seal_column_again(struct rotation *r, struct sql *db, const struct seal_column *c,
                              GError **error)
{
    bool ok = true;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *statement =
        g_strdup_printf("SELECT id, %s FROM %s WHERE %s IS NOT NULL AND %s <> ''", c->column,
                        c->table, c->column, c->column);
    g_autoptr(sql_rows) rows = sql_query(db, error, statement, "");
    if (rows == NULL)
        return false;
    while (sql_rows_next(rows, &failure)) {
        g_ptr_array_add(texts, g_strdup(sql_text(rows, 0)));
        g_ptr_array_add(texts, g_strdup(sql_text(rows, 1)));
    }
    g_clear_pointer(&rows, sql_rows_free);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    for (guint i = 0; ok && i < texts->len; i += 2)
        ok = seal_again(r, db, c, g_ptr_array_index(texts, i), g_ptr_array_index(texts, i + 1),
                        error);
    return ok;
}

static bool seal_all_again(struct sql *db, void *user, GError **error)
{
    struct rotation *r = user;
    bool ok = register_key(db, r->seal, error);
    r->sealed = 0;
    for (const struct seal_column *c = seal_columns; ok && c->table != NULL; c++)
        ok = seal_column_again(r, db, c, error);
    return ok;
}

bool seal_rotate(struct sql *db, const char *path, unsigned *sealed, GError **error)
{
    g_autoptr(seal) s = seal_open(db, path, error);
    if (s == NULL)
        return false;
    /* The new key is in the file before anything is sealed with it, and old ones until nothing is
     * sealed with them: at every moment the file opens all that the store has. */
    struct rotation r = { .seal = s };
    add_key(s);
    if (!write_keys(s, true, error) || !read_keys(s, error) ||
        !sql_transaction(db, seal_all_again, &r, error))
        return false;
    s->count = MIN(s->count, 2);
    *sealed = r.sealed;
    return write_keys(s, true, error);
}
