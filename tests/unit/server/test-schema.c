#include "server/schema.h"

#include "base/error.h"

static const char document[] =
    "{\"components\":{\"schemas\":{"
    "\"Name\":{\"type\":\"string\",\"pattern\":\"^[a-z]+$\",\"minLength\":2,\"maxLength\":4},"
    "\"Loop\":{\"$ref\":\"#/components/schemas/Loop\"},"
    "\"Thing\":{\"type\":\"object\",\"required\":[\"name\"],\"additionalProperties\":false,"
    "\"properties\":{\"name\":{\"$ref\":\"#/components/schemas/Name\"},"
    "\"role\":{\"type\":[\"string\",\"null\"],\"enum\":[\"a\",\"b\",null]},"
    "\"count\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":3},"
    "\"list\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":{\"type\":\"boolean\"}},"
    "\"labels\":{\"type\":\"object\",\"maxProperties\":2,"
    "\"additionalProperties\":{\"type\":\"string\",\"maxLength\":3}}}}}}}";

static const json_t *find(const json_t *d, const char *name)
{
    return json_object_get(json_object_get(json_object_get(d, "components"), "schemas"), name);
}

static void test_values(void)
{
    static const struct {
        const char *value, *wrong; /* NULL: right */
    } cases[] = {
        { "{\"name\":\"abc\"}", NULL },
        { "{\"name\":\"abc\",\"role\":null,\"count\":3,\"list\":[true],\"labels\":{\"x\":\"y\"}}",
          NULL },
        { "[]", "body" },
        { "{}", "'name' is missing" },
        { "{\"name\":1}", "name: not of type" },
        { "{\"name\":\"a\"}", "name: too short" },
        { "{\"name\":\"abcde\"}", "name: too short or too long" },
        { "{\"name\":\"a1\"}", "name: not of the form ^[a-z]+$" },
        { "{\"name\":\"ab\\n\"}", "name: not of the form ^[a-z]+$" },
        { "{\"name\":\"abc\",\"more\":1}", "more: there is no such member" },
        { "{\"name\":\"abc\",\"role\":\"c\"}", "role: none of" },
        { "{\"name\":\"abc\",\"count\":0}", "count: too small" },
        { "{\"name\":\"abc\",\"count\":4}", "count: too small or too large" },
        { "{\"name\":\"abc\",\"count\":1.5}", "count: not of type" },
        { "{\"name\":\"abc\",\"list\":[]}", "list: too few" },
        { "{\"name\":\"abc\",\"list\":[true,1]}", "list[1]: not of type" },
        { "{\"name\":\"abc\",\"labels\":{\"x\":1}}", "labels.x: not of type" },
        { "{\"name\":\"abc\",\"labels\":{\"x\":\"\",\"y\":\"\",\"z\":\"\"}}", "labels: too many" },
        { "{\"name\":\"a\\u0000b\"}", "name: holds a NUL" },
    };
    json_t *d = json_loads(document, 0, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        json_t *v = json_loads(cases[i].value, JSON_ALLOW_NUL, NULL);
        bool ok = schema_check(d, find(d, "Thing"), v, &error);
        json_decref(v);
        if (cases[i].wrong == NULL) {
            g_assert_no_error(error);
            g_assert_true(ok);
        } else {
            g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_INVALID);
            g_assert_nonnull(strstr(error->message, cases[i].wrong));
        }
    }
    json_decref(d);
}

static void test_schemas_that_are_not_understood(void)
{
    static const char *const bad[] = {
        "{\"oneOf\":[]}",
        "{\"$ref\":\"#/nowhere\"}",
        "{\"$ref\":\"elsewhere.yaml\"}",
        "{\"$ref\":\"#/components/schemas/Loop\"}",
        "{\"properties\":{\"a\":{\"not\":{}}}}",
        "{\"items\":{\"anyOf\":[]}}",
        "{\"additionalProperties\":{\"const\":1}}",
        "[]",
    };
    json_t *d = json_loads(document, 0, NULL);
    g_assert_true(schema_usable(d, find(d, "Thing"), "Thing", NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        json_t *s = json_loads(bad[i], 0, NULL);
        g_assert_false(schema_usable(d, s, "here", &error));
        g_assert_true(g_str_has_prefix(error->message, "here"));
        json_decref(s);
    }
    json_decref(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/server/schema/values are as described, or the wrong member is named",
                    test_values);
    g_test_add_func("/server/schema/what is not understood is refused",
                    test_schemas_that_are_not_understood);
    return g_test_run();
}
