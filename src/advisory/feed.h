/* Feeds: drivers that understand one form of advisory data each.
 *
 * To add a feed: one file feed_<name>.c with one struct feed_driver, one line in feed.c. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "advisory/record.h"

/* How the bytes of a stream are cut into documents. */
enum feed_form {
    FEED_JSON,         /* each JSON value of the stream; elements when the value is an array */
    FEED_JSON_MEMBERS, /* each member of the one top-level object (it may be huge) */
    FEED_LINES,        /* each line */
    FEED_PARAGRAPHS,   /* a line and the lines behind it that begin with a blank */
    FEED_WHOLE,        /* the whole stream is one document */
    FEED_XML,          /* each element named by the driver's xml_element, as text */
    FEED_FORM_COUNT
};

/* What detection may look at: the beginning of the stream. */
struct feed_head {
    const char *bytes;
    size_t len; /* at most LIMIT_FEED_HEAD */
    bool whole; /* the stream ends here */
    bool is_json;
    GPtrArray *keys;  /* char *: keys of the first object (or of the first one in an array) */
    GPtrArray *inner; /* char *: keys of the object that is the first member's value */
};

bool feed_head_has(const struct feed_head *h, const char *key);
/* The first bytes after blanks and comments are this. */
bool feed_head_starts(const struct feed_head *h, const char *text);
bool feed_head_contains(const struct feed_head *h, const char *text);

struct feed_document {
    const char *name;   /* of the stream, for messages */
    const json_t *json; /* FEED_JSON, FEED_JSON_MEMBERS */
    const char *key;    /* FEED_JSON_MEMBERS: name of the member */
    const char *text;   /* the other forms; NUL-terminated */
    size_t len;
};

/* Kept over the documents of one stream. */
struct feed_context {
    struct record record; /* for the driver's use */
    struct record_sink sink;
    GStringChunk *strings; /* cleared after each document: for strings the driver makes */
    GHashTable *memory;    /* char * -> char *, for a driver that must remember; both owned */
};
void feed_context_init(struct feed_context *c, struct record_sink sink);
void feed_context_done(struct feed_context *c);
/* Hands the context's record to the sink and clears it. */
bool feed_emit(struct feed_context *c, GError **error);

struct feed_driver {
    const char *name, *description, *url;
    enum feed_form form;
    const char *xml_element;
    /* Records carry ids that stay: an import adds to and replaces by id what an earlier one
     * brought. Otherwise an import replaces the feed as a whole. */
    bool by_record;
    /* True when the stream is this feed, by what is in it. The name of the file is not known. */
    bool (*detect)(const struct feed_head *head);
    /* Turns one document into any number of records. False with ASSAY_ERROR_CORRUPT,
     * _UNSUPPORTED or _LIMIT: a malformed document; with anything else: the import ends. */
    bool (*parse)(const struct feed_document *doc, struct feed_context *context, GError **error);
};

/* Parses one document of a stream: as JSON where the form is JSON (doc->json is not looked at), then
 * by the driver. *malformed: why it is (g_free()), NULL when it is not. False ends the import. */
bool feed_parse(const struct feed_driver *driver, struct feed_context *context,
                const struct feed_document *doc, char **malformed, GError **error);

/* NULL-terminated, in order of detection. */
extern const struct feed_driver *const feed_drivers[];
const struct feed_driver *feed_driver_find(const char *name);
/* NULL when no driver knows it. */
const struct feed_driver *feed_driver_detect(const struct feed_head *head);
/* Looks at a stream's beginning; feed_head_done() frees. bytes stay borrowed. */
void feed_head_init(struct feed_head *h, const char *bytes, size_t len, bool whole);
void feed_head_done(struct feed_head *h);

/* Who publishes a feed ("debian" for "osv-debian"), the name of its severities. Static string. */
const char *feed_vendor(const char *feed);

extern const struct feed_driver feed_amazon;
extern const struct feed_driver feed_arch;
extern const struct feed_driver feed_cve5;
extern const struct feed_driver feed_debian_list;
extern const struct feed_driver feed_debian_tracker;
extern const struct feed_driver feed_epss;
extern const struct feed_driver feed_kev;
extern const struct feed_driver feed_osv;
extern const struct feed_driver feed_photon;
extern const struct feed_driver feed_redhat_cve;
extern const struct feed_driver feed_secdb;
extern const struct feed_driver feed_ubuntu_text;
extern const struct feed_driver feed_ubuntu_tracker;
extern const struct feed_driver feed_updateinfo;
