#include "introspect/rates.h"

static json_t *limits(const char *text)
{
    json_t *read = json_loads(text, 0, NULL);
    g_assert_nonnull(read);
    return read;
}

static struct rates *rates_of(const char *text)
{
    GError *error = NULL;
    json_auto_t *l = limits(text);
    struct rates *r = rates_new(l, &error);
    g_assert_no_error(error);
    return r;
}

static void set(struct rates *r, const char *text)
{
    GError *error = NULL;
    json_auto_t *l = limits(text);
    (void)rates_set(r, l, &error);
    g_assert_no_error(error);
}

static void test_options_only_lower(void)
{
    g_autoptr(rates) r = rates_of("{\"introspection\": {\"bytes_per_second\": 1000}}");
    json_auto_t *more = limits("{\"bytes_per_second\": 5000, \"iops\": 7}");
    json_auto_t *less = limits("{\"bytes_per_second\": 10}");
    g_assert_cmpuint(rates_one(r, more).bytes, ==, 1000);
    g_assert_cmpuint(rates_one(r, more).reads, ==, 7);
    g_assert_cmpuint(rates_one(r, less).bytes, ==, 10);
}

static void test_other_limits_hold_for_who_asks(void)
{
    g_autoptr(rates) r = rates_of("{\"pool\": {\"iops\": 5}, \"introspection\": {\"iops\": 3}}");
    g_autoptr(throttle) before = rates_pool_throttle(r, "p");
    set(r, "{\"pool\": {\"iops\": 5}, \"introspection\": {\"iops\": 7}}");
    g_autoptr(throttle) same = rates_pool_throttle(r, "p");
    g_assert_true(same == before);
    g_assert_cmpuint(rates_one(r, NULL).reads, ==, 7);
    set(r, "{\"pool\": {\"iops\": 1}, \"burst_seconds\": 0}");
    g_autoptr(throttle) other = rates_pool_throttle(r, "p");
    g_assert_cmpint(throttle_take(other, 0, 1), ==, 0);
    g_assert_cmpint(throttle_take(other, 0, 1), ==, G_USEC_PER_SEC);
    g_assert_cmpint(throttle_take(before, 0, 1), ==, 0);
    set(r, "{}");
    g_assert_null(rates_pool_throttle(r, "p"));
}

static void test_the_longest_burst_passes_at_once(void)
{
    g_autoptr(rates) r =
        rates_of("{\"introspection\": {\"bytes_per_second\": 1}, \"burst_seconds\": 3600}");
    g_autoptr(throttle) t = rates_throttle(r, rates_one(r, NULL));
    g_assert_cmpint(throttle_take(t, 0, 3600), ==, 0);
    g_assert_cmpint(throttle_take(t, 0, 1), ==, 0);
    g_assert_cmpint(throttle_take(t, 0, 1), ==, G_USEC_PER_SEC);
}

static void test_wrong_limits_change_nothing(void)
{
    g_autoptr(rates) r = rates_of("{\"introspection\": {\"iops\": 5}}");
    g_autoptr(GError) error = NULL;
    json_auto_t *wrong = limits("{\"introspection\": {\"iops\": 6}, \"pool\": {\"iops\": 0}}");
    g_assert_false(rates_set(r, wrong, &error));
    g_assert_cmpstr(error->message, ==, "limits.pool.iops: not a number from 1 to 2147483647");
    g_assert_cmpuint(rates_one(r, NULL).reads, ==, 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/introspect/rates/a node's options only lower them", test_options_only_lower);
    g_test_add_func("/introspect/rates/other limits hold for who asks from now on",
                    test_other_limits_hold_for_who_asks);
    g_test_add_func("/introspect/rates/the longest burst passes at once",
                    test_the_longest_burst_passes_at_once);
    g_test_add_func("/introspect/rates/wrong limits change nothing",
                    test_wrong_limits_change_nothing);
    return g_test_run();
}
