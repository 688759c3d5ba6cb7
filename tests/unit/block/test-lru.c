#include <string.h>

#include "block/lru.h"

static GBytes *bytes_of(size_t len, uint8_t value)
{
    uint8_t *data = g_malloc(len);
    memset(data, value, len);
    return g_bytes_new_take(data, len);
}

static void keep(struct lru *l, uint32_t owner, uint64_t key, size_t len)
{
    g_autoptr(GBytes) b = bytes_of(len, (uint8_t)key);
    lru_put(l, owner, key, b);
}

static bool has(struct lru *l, uint32_t owner, uint64_t key)
{
    g_autoptr(GBytes) b = lru_get(l, owner, key);
    return b != NULL;
}

static void test_the_ceiling_holds_and_the_oldest_go(void)
{
    struct lru *l = lru_new(10000);
    uint32_t a = lru_owner_new(l), b = lru_owner_new(l);
    g_assert_cmpuint(a, !=, b);
    for (uint64_t i = 0; i < 100; i++) {
        keep(l, a, i, 1000);
        g_assert_cmpuint(lru_used(l), <=, 10000);
        g_assert_true(has(l, a, 0)); /* used all the time */
    }
    g_assert_true(has(l, a, 99));
    g_assert_false(has(l, a, 50));
    g_assert_false(has(l, b, 99));
    keep(l, a, 7, 10001);
    g_assert_false(has(l, a, 7));
    g_assert_true(has(l, a, 99));
    lru_drop(l, a);
    g_assert_cmpuint(lru_used(l), ==, 0);
    lru_free(l);
}

static void test_bytes_outlive_their_eviction(void)
{
    struct lru *l = lru_new(2000);
    uint32_t owner = lru_owner_new(l);
    keep(l, owner, 1, 1000);
    g_autoptr(GBytes) held = lru_get(l, owner, 1);
    keep(l, owner, 2, 1500);
    g_assert_false(has(l, owner, 1));
    g_assert_cmpuint(*(const uint8_t *)g_bytes_get_data(held, NULL), ==, 1);
    keep(l, owner, 2, 100); /* replaced */
    g_assert_cmpuint(lru_used(l), <, 500);
    lru_free(l);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/lru/the ceiling holds and the oldest go",
                    test_the_ceiling_holds_and_the_oldest_go);
    g_test_add_func("/block/lru/bytes outlive their eviction", test_bytes_outlive_their_eviction);
    return g_test_run();
}
