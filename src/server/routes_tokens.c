#include "base/text.h"
#include "server/routes.h"
#include "store/tokens.h"

static void write_token(struct json_writer *w, const struct token *t)
{
    g_auto(GStrv) words = g_strsplit(t->scopes, " ", -1);
    jw_object_begin(w, NULL);
    jw_string(w, "id", t->id);
    jw_string(w, "name", t->name);
    jw_string(w, "kind", t->session ? "session" : "api");
    jw_array_begin(w, "scopes");
    for (char **s = words; *s != NULL; s++)
        jw_string(w, NULL, *s);
    jw_array_end(w);
    call_write_time(w, "created", t->created);
    call_write_time(w, "expires", t->expires);
    call_write_time(w, "last_used", t->used);
    jw_object_end(w);
}

static bool write_listed(struct call *c, const void *item, GError **error)
{
    write_token(&c->out, item);
    return true;
}

static bool list(struct call *c, GError **error)
{
    struct store_page page;
    if (!call_page(c, &page, error))
        return false;
    g_autoptr(GPtrArray) tokens = token_list(c->db, c->caller.account, &page, error);
    return call_list(c, tokens, &page, write_listed, G_STRUCT_OFFSET(struct token, id), error);
}

static bool create(struct call *c, GError **error)
{
    json_t *word;
    size_t i;
    int64_t seconds = 0;
    unsigned scopes = 0, one;
    const char *expires = call_text(c, "expires");
    g_autofree char *id = NULL;
    json_array_foreach(json_object_get(c->body, "scopes"), i, word) {
        if (!scopes_parse(json_string_value(word), &one))
            return problem(error, 422, "scopes: '%s' is none", json_string_value(word));
        scopes |= one;
    }
    /* It would outlive what it was made with. */
    if (c->caller.granted != NULL)
        return problem(error, 403, "another service vouches for you: use its tokens");
    if ((scopes & ~c->caller.scopes) != 0)
        return problem(error, 403, "scopes: more than this token has itself");
    if (expires != NULL &&
        (!text_parse_time(expires, &seconds) || seconds <= store_now() / (int64_t)G_USEC_PER_SEC ||
         seconds > G_MAXINT64 / (int64_t)G_USEC_PER_SEC))
        return problem(error, 422, "expires: not a time to come, as in 2027-01-31T00:00:00Z");
    const struct token_new new = { .account = c->caller.account,
                                   .name = call_text(c, "name"),
                                   .scopes = scopes,
                                   .expires = seconds * (int64_t)G_USEC_PER_SEC };
    g_autofree char *secret = token_create(c->db, &new, &id, error);
    if (secret == NULL)
        return false;
    call_created(c, "/v1/tokens/%s", id);
    jw_object_begin(&c->out, NULL);
    jw_string(&c->out, "id", id);
    jw_string(&c->out, "name", new.name);
    jw_string(&c->out, "token", secret);
    call_write_time(&c->out, "expires", new.expires);
    jw_object_end(&c->out);
    return true;
}

static bool delete (struct call *c, GError **error)
{
    return token_delete(c->db, c->caller.account, call_parameter(c, "token"), error) &&
           call_no_content(c);
}

const struct route routes_tokens[] = {
    { "GET", "/v1/tokens", ACCESS_USER, SCOPE_READ, list, 0 },
    { "POST", "/v1/tokens", ACCESS_USER, SCOPE_ADMIN, create, ROUTE_SECRET },
    { "DELETE", "/v1/tokens/{token}", ACCESS_USER, SCOPE_ADMIN, delete, 0 },
    { NULL },
};
