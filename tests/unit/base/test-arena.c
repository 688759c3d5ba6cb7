#include "base/arena.h"

#include <string.h>

static void test_pieces_are_zeroed_and_apart(void)
{
    g_autoptr(arena) a = arena_new(1 << 20);
    char *first = arena_alloc(a, 100);
    char *second = arena_strndup(a, "hello", 5);
    memset(first, 'x', 100);
    g_assert_cmpstr(second, ==, "hello");
    char *third = arena_alloc(a, 64);
    for (int i = 0; i < 64; i++)
        g_assert_cmpint(third[i], ==, 0);
}

static void test_ceiling_refuses(void)
{
    g_autoptr(arena) a = arena_new(10000);
    g_assert_nonnull(arena_alloc(a, 6000));
    g_assert_null(arena_alloc(a, 6000));
    g_assert_nonnull(arena_alloc(a, 1000));
    g_assert_null(arena_alloc(a, SIZE_MAX));
    g_assert_cmpuint(arena_used(a), <=, 10000);
}

static void test_clearing_gives_the_room_back(void)
{
    g_autoptr(arena) a = arena_new(10000);
    arena_clear(a);
    for (int round = 0; round < 100; round++) {
        g_assert_nonnull(arena_alloc(a, 4000));
        char *second = arena_alloc(a, 4000);
        g_assert_nonnull(second);
        g_assert_cmpint(second[3999], ==, 0);
        second[3999] = 'x';
        arena_clear(a);
    }
    g_assert_cmpuint(arena_used(a), <=, 10000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/arena/pieces are zeroed and apart", test_pieces_are_zeroed_and_apart);
    g_test_add_func("/base/arena/the ceiling refuses", test_ceiling_refuses);
    g_test_add_func("/base/arena/clearing gives the room back", test_clearing_gives_the_room_back);
    return g_test_run();
}
