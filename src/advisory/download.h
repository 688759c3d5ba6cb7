/* The public places that feeds are fetched from. */
#pragma once
#include <glib.h>
#include <stdbool.h>

struct download {
    const char *name;   /* "debian-osv" */
    const char *system; /* what it is for: "debian", "kev"... */
    const char *url;
    const char *file; /* name for the file kept while it is fetched */
    bool repository;  /* url is a dnf repository; its repomd.xml names the updateinfo */
};

/* Ends with an entry without name. */
extern const struct download downloads[];

/* The address of a file in a mirror that keeps files as "<host>/<path>" (as `wget -x` does), given
 * by URL or folder; a copy of url when mirror is NULL. g_free(). */
char *download_url(const char *url, const char *mirror);

struct repository_file {
    char *location; /* relative to the repository */
    char *sha256;   /* hex; NULL: another kind of checksum */
};
/* What a repomd.xml says about the updateinfo. NOT_FOUND when it has none. */
bool repository_updateinfo(const char *repomd, gsize len, struct repository_file *out,
                           GError **error);
void repository_file_done(struct repository_file *f);
