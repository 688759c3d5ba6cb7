#include "store/number_set.h"

#include "base/error.h"

static void test_what_is_packed_comes_back(void)
{
    static const uint64_t numbers[] = { 7, 1, 300, 7, UINT64_MAX, 301 };
    g_autoptr(GArray) set = number_set_new();
    g_array_append_vals(set, numbers, G_N_ELEMENTS(numbers));
    number_set_settle(set);
    g_assert_cmpuint(set->len, ==, 5);
    g_autoptr(GBytes) packed = number_set_pack(set);
    g_autoptr(GArray) back = number_set_unpack(packed, NULL);
    g_assert_cmpmem(back->data, back->len * sizeof(uint64_t), set->data,
                    set->len * sizeof(uint64_t));
}

static void test_nothing_is_a_set(void)
{
    g_autoptr(GArray) set = number_set_new();
    g_autoptr(GBytes) packed = number_set_pack(set);
    g_autoptr(GArray) back = number_set_unpack(packed, NULL);
    g_autoptr(GArray) none = number_set_unpack(NULL, NULL);
    g_assert_cmpuint(back->len, ==, 0);
    g_assert_cmpuint(none->len, ==, 0);
}

static void test_damage_is_noticed(void)
{
    static const char *const damaged[] = { "\x80", "\x05\x80\x80",
                                           "\x01\xff\xff\xff\xff\xff\xff\xff\xff"
                                           "\xff\x01" };
    const char repeated[] = { 5, 0 };
    for (size_t i = 0; i <= G_N_ELEMENTS(damaged); i++) {
        g_autoptr(GError) error = NULL;
        bool last = i == G_N_ELEMENTS(damaged);
        g_autoptr(GBytes) bytes = last ? g_bytes_new(repeated, sizeof repeated)
                                       : g_bytes_new(damaged[i], strlen(damaged[i]));
        g_assert_null(number_set_unpack(bytes, &error));
        g_assert_error(error, ASSAY_ERROR, ASSAY_ERROR_CORRUPT);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/number_set: what is packed comes back", test_what_is_packed_comes_back);
    g_test_add_func("/store/number_set: nothing is a set", test_nothing_is_a_set);
    g_test_add_func("/store/number_set: damage is noticed", test_damage_is_noticed);
    return g_test_run();
}
