/* Release and Packages files of APT repositories (Debian wiki, DebianRepository/Format). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- stanzas of "Field: value" lines ---------------------------------------------------------- */

struct apt_stanza {
    const char *text;
    size_t len;
};
/* The next stanza of [*pos, end); false at the end. */
bool apt_next_stanza(const char **pos, const char *end, struct apt_stanza *out);
/* The first line of a field's value; false when there is no such field. */
bool apt_field(const struct apt_stanza *s, const char *name, const char **value, size_t *len);
/* The same as a new string; NULL. */
char *apt_field_dup(const struct apt_stanza *s, const char *name);

/* --- Release ---------------------------------------------------------------------------------- */

struct apt_index {
    char *path; /* relative to the Release file: "main/binary-amd64/Packages.xz" */
    char *sha256;
    uint64_t size;
};
struct apt_release {
    char *origin, *codename; /* "Debian", "bookworm-security"; NULL */
    int64_t date;            /* Unix seconds; 0 unknown */
    GPtrArray *indexes;      /* struct apt_index * of Packages files */
};
/* text: what is signed, without its armour. */
bool apt_release_parse(const char *text, size_t len, struct apt_release *out, GError **error);
void apt_release_done(struct apt_release *r);
/* The text inside a clearsigned one (RFC 4880, section 7), or the text itself. */
char *apt_clear_text(const char *text, size_t len, size_t *out_len);

/* --- changelogs ------------------------------------------------------------------------------- */

/* CVE -> the oldest version whose entry names it. */
struct apt_changelog {
    GHashTable *versions;  /* GUINT_TO_POINTER(cve) -> char * */
    bool newest_names_one; /* the newest entry names a CVE */
};
void apt_changelog_parse(const char *text, size_t len, struct apt_changelog *out);
void apt_changelog_done(struct apt_changelog *c);
