/* introspect-ask STORE PROJECT NODE [fresh] [deep]: asks for an introspection, as a call of the
 * service does, and prints its identifier. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "introspect/introspect.h"
#include "store/projects.h"

struct asking {
    const char *project, *node;
    bool fresh, deep;
    char *id;
};

static bool ask(struct sql *db, void *user, GError **error)
{
    struct asking *a = user;
    g_clear_pointer(&a->id, g_free);
    g_autoptr(project) p = project_find(db, &caller_service, a->project, error);
    g_autoptr(thing) t =
        p != NULL ? thing_find(db, THING_NODE, &caller_service, p->id, a->node, error) : NULL;
    if (t == NULL)
        return false;
    const struct introspection_wish wish = { .kind = THING_NODE,
                                             .thing = t,
                                             .fresh = a->fresh,
                                             .deep = a->deep,
                                             .requested_by = "test",
                                             .priority = JOB_PRIORITY_INTERACTIVE };
    a->id = introspect_request(db, &wish, error);
    return a->id != NULL;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sql) db = argc > 3 ? store_open(argv[1], &error) : NULL;
    bool ok = db != NULL;
    if (ok) {
        struct asking a = { .project = argv[2], .node = argv[3] };
        for (int i = 4; i < argc; i++) {
            a.fresh = a.fresh || g_str_equal(argv[i], "fresh");
            a.deep = a.deep || g_str_equal(argv[i], "deep");
        }
        ok = sql_transaction(db, ask, &a, &error);
        if (ok)
            (void)puts(a.id);
        g_free(a.id);
    }
    if (!ok)
        (void)fprintf(stderr, "%s\n", error != NULL ? error->message : "usage");
    return ok ? 0 : 1;
}
