#include "store/caller.h"

static const char *const roles[ROLE_COUNT] = {
    [ROLE_VIEWER] = "viewer",
    [ROLE_OPERATOR] = "operator",
    [ROLE_OWNER] = "owner",
};
static const char *const scopes[] = { "read", "write", "admin" };

const struct caller caller_service = {
    .account = (char *)"",
    .name = (char *)"service",
    .token = (char *)"",
    .admin = true,
    .auditor = true,
};

const char *caller_subject(const struct caller *c)
{
    return c->granted != NULL ? c->granted : c->account;
}

int64_t caller_sight(const struct caller *c)
{
    return c->auditor ? 1 : c->granted != NULL ? 2 : 0;
}

const char *role_name(enum role role)
{
    return role < ROLE_COUNT ? roles[role] : NULL;
}

enum role role_parse(const char *name)
{
    for (enum role r = ROLE_VIEWER; r < ROLE_COUNT; r++) {
        if (g_str_equal(roles[r], name))
            return r;
    }
    return ROLE_NONE;
}

bool scopes_parse(const char *words, unsigned *out)
{
    g_auto(GStrv) parts = g_strsplit(words, " ", -1);
    unsigned found = 0;
    for (char **p = parts; *p != NULL; p++) {
        size_t i = 0;
        while (i < G_N_ELEMENTS(scopes) && !g_str_equal(scopes[i], *p))
            i++;
        if (i == G_N_ELEMENTS(scopes))
            return false;
        found |= 1u << i;
    }
    *out = found;
    return found != 0;
}

char *scopes_text(unsigned set)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++) {
        if (set & 1u << i)
            g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", scopes[i]);
    }
    return g_string_free(text, FALSE);
}
