#include "server/openapi.h"
#include "server/router.h"

#include "base/error.h"

static bool nothing(struct call *c, GError **error)
{
    return true;
}

static const struct route some[] = {
    { "GET", "/v1/a", ACCESS_ANYONE, 0, nothing, 0 },
    { "GET", "/v1/a/{x}", ACCESS_ANYONE, 0, nothing, 0 },
    { "PUT", "/v1/a/{x}/b/{long}", ACCESS_ANYONE, 0, nothing, 0 },
    { NULL },
};
static const struct route more[] = {
    { "DELETE", "/v1/a/{x}", ACCESS_ANYONE, 0, nothing, 0 },
    { NULL },
};
static const struct route *const tables[] = { some, more, NULL };

static void test_paths(void)
{
    static const struct {
        const char *method, *path, *pattern, *x, *more, *allow;
    } cases[] = {
        { "GET", "/v1/a", "/v1/a", NULL, NULL, NULL },
        { "GET", "/v1/a/7", "/v1/a/{x}", "7", NULL, NULL },
        { "DELETE", "/v1/a/7", "/v1/a/{x}", "7", NULL, NULL },
        { "PUT", "/v1/a/7/b/8 9", "/v1/a/{x}/b/{long}", "7", "8 9", NULL },
        { "POST", "/v1/a/7", NULL, NULL, NULL, "GET, HEAD, DELETE" },
        { "GET", "/v1/a/", NULL, NULL, NULL, NULL },
        { "GET", "/v1/a/7/", NULL, NULL, NULL, NULL },
        { "GET", "/v1//a", NULL, NULL, NULL, NULL },
        { "GET", "/v1/ab", NULL, NULL, NULL, NULL },
        { "GET", "/v1", NULL, NULL, NULL, NULL },
        { "GET", "", NULL, NULL, NULL, NULL },
        { "GET", "*", NULL, NULL, NULL, NULL },
        { "PUT", "/v1/a//b/8", NULL, NULL, NULL, NULL },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct call c = { 0 };
        g_autofree char *allow = NULL;
        const struct route *r = route_find(tables, cases[i].method, cases[i].path, &c, &allow);
        g_assert_cmpstr(r != NULL ? r->pattern : NULL, ==, cases[i].pattern);
        g_assert_cmpstr(allow, ==, cases[i].allow);
        g_assert_cmpstr(call_parameter(&c, "x"), ==, cases[i].x);
        g_assert_cmpstr(call_parameter(&c, "long"), ==, cases[i].more);
        route_clear(&c);
    }
}

static void test_the_description_has_every_route_and_no_other(void)
{
    g_autoptr(GError) error = NULL;
    static const struct route undescribed[] = {
        { "GET", "/v1/undescribed", ACCESS_ANYONE, 0, nothing, 0 },
        { NULL },
    };
    static const struct route misdescribed[] = {
        { "GET", "/healthz", ACCESS_ADMIN, SCOPE_READ, nothing, 0 },
        { NULL },
    };
    static const struct route *const with[] = { undescribed, NULL };
    static const struct route *const wrong[] = { misdescribed, NULL };
    static const struct route *const none[] = { NULL };
    struct openapi *api = openapi_load(route_tables, &error);
    g_assert_no_error(error);
    openapi_free(api);
    g_assert_null(openapi_load(with, &error));
    g_assert_cmpstr(error->message, ==, "openapi: GET /v1/undescribed: not described");
    g_clear_error(&error);
    g_assert_null(openapi_load(wrong, &error));
    g_assert_nonnull(strstr(error->message, "x-access is not 'admin'"));
    g_clear_error(&error);
    g_assert_null(openapi_load(none, &error));
    g_assert_nonnull(strstr(error->message, "there is no such route"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/server/route/paths lead to their routes", test_paths);
    g_test_add_func("/server/route/the description has every route and no other",
                    test_the_description_has_every_route_and_no_other);
    return g_test_run();
}
