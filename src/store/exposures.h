/* What installed rows have, by their numbers, and the words for it. */
#pragma once
#include "store/sql.h"

/* One vulnerability of an installed row. */
struct exposure {
    int64_t vulnerability;
    uint8_t severity;
    bool fixable, known_exploited;
};
/* What installed rows have: of some rows, or of all. */
struct exposures;
typedef struct exposures exposures;
struct exposures *exposures_load(struct sql *db, const GArray *installed, GError **error);
struct exposures *exposures_load_all(struct sql *db, GError **error);
void exposures_free(struct exposures *e);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(exposures, exposures_free)
/* Of all: the greatest number of an installed row that there was. */
int64_t exposures_top(const struct exposures *e);
/* NULL and 0 when it has none. */
const struct exposure *exposures_of(const struct exposures *e, int64_t installed, guint *count);

/* A finding: what has it (0: of no matter here), and the vulnerability. */
struct finding_key {
    int64_t installed, vulnerability;
};
guint finding_key_hash(gconstpointer key);
gboolean finding_key_equal(gconstpointer a, gconstpointer b);

/* Names for numbers, and what of a finding people are told; asked for once, then remembered. */
struct finding_words {
    const char *id, *package, *version, *fixed; /* fixed NULL: none */
};
struct wording;
typedef struct wording wording;
struct wording *wording_new(void);
void wording_free(struct wording *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(wording, wording_free)
/* Asks for what is not known yet. */
bool wording_load(struct sql *db, struct wording *w, const struct finding_key *keys, guint count,
                  GError **error);
/* Of what was loaded, valid as long as w; texts are "" where the store no longer has them. */
struct finding_words wording_of(const struct wording *w, int64_t installed, int64_t vulnerability);
const char *wording_id(const struct wording *w, int64_t vulnerability);
