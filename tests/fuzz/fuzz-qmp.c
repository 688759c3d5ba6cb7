/* A QEMU monitor that says what it likes. An input that begins with '{"QMP"' is a conversation, any
 * other one is an answer about disks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "snapshot/qemu_disk.h"
#include "snapshot/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_disk(const struct qemu_disk *d)
{
    if (d->size == 0 || d->size > UINT64_C(1) << 62 || strlen(d->node) > QEMU_NAME_MAX ||
        d->device == NULL)
        abort();
}

static void look(const json_t *answer)
{
    static const char *const names[] = { NULL, "vd0", "disk", "#block1" };
    struct qemu_disk d;
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        bool found = qemu_disk_find(answer, names[i], &d, &error);
        if (found == (error != NULL))
            abort();
        if (found)
            use_disk(&d);
    }
    if (qemu_disk_using(answer, "disk", &d))
        use_disk(&d);
    const char *rest;
    json_int_t set;
    uint64_t count;
    size_t position = 0;
    (void)qemu_list_has(answer, "id", "disk");
    if (qemu_fdset_find(answer, "assay-1 ", &set, &rest) && strlen(rest) > SIZE_MAX / 2)
        abort();
    (void)qemu_bitmap_count(answer, "disk", "assay-1", &count);
    while (qemu_bitmap_next(answer, "disk", "assay-", &position, &rest)) {
        if (!g_str_has_prefix(rest, "assay-"))
            abort();
    }
}

static void converse(const uint8_t *data, size_t size)
{
    int pair[2];
    g_autoptr(GError) error = NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
        abort();
    (void)send(pair[1], data, size, MSG_NOSIGNAL);
    (void)shutdown(pair[1], SHUT_WR);
    g_autoptr(qmp) m = qmp_new(pair[0], "input", &error);
    if ((m == NULL) != (error != NULL))
        abort();
    json_t *answer = m != NULL ? qmp_call(m, "query-block", NULL, &error) : NULL;
    if ((answer == NULL) != (error != NULL))
        abort();
    if (answer != NULL)
        look(answer);
    json_decref(answer);
    (void)close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char conversation[] = "{\"QMP\"";
    if (size > strlen(conversation) && memcmp(data, conversation, strlen(conversation)) == 0) {
        converse(data, size);
        return 0;
    }
    json_t *answer = json_loadb((const char *)data, size, 0, NULL);
    if (answer != NULL)
        look(answer);
    json_decref(answer);
    return 0;
}
