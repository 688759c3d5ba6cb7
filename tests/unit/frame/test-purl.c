#include "frame/formats.h"

struct purl_case {
    struct frame_os os;
    struct frame_package package;
    const char *purl;
};

/* Rules of the package-url specification: canonical order and encoding, and its types alpm, apk,
 * deb and rpm. */
static const struct purl_case cases[] = {
    /* '+' is encoded, the colon of an epoch is not. */
    { { .id = "debian", .version_id = "12" },
      { .type = "deb", .name = "attr", .version = "1:2.4.47-2+b1", .arch = "amd64" },
      "pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64&distro=debian-12" },
    { { .id = "debian", .version_id = "12" },
      { .type = "deb",
        .name = "libssl3",
        .version = "3.0.11-1~deb12u2",
        .arch = "amd64",
        .source = "openssl",
        .source_version = "3.0.11-1~deb12u2" },
      "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl" },
    { { .id = "debian", .version_id = "12" },
      { .type = "deb",
        .name = "bash",
        .version = "5.2.15-2+b7",
        .arch = "amd64",
        .source = "bash",
        .source_version = "5.2.15-2" },
      "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12"
      "&upstream=bash%405.2.15-2" },
    /* Without a release there is the name alone, or the code name. */
    { { .id = "debian", .codename = "trixie" },
      { .type = "deb", .name = "a", .version = "1", .arch = "all" },
      "pkg:deb/debian/a@1?arch=all&distro=debian-trixie" },
    { { .id = "ubuntu" },
      { .type = "deb", .name = "a", .version = "1" },
      "pkg:deb/ubuntu/a@1?distro=ubuntu" },
    { { .root = "disk0" }, { .type = "deb", .name = "a", .version = "1" }, "pkg:deb/a@1" },
    /* rpm: the epoch is a qualifier, names keep their case. */
    { { .id = "fedora", .version_id = "25" },
      { .type = "rpm", .name = "curl", .version = "7.50.3-1.fc25", .arch = "i386" },
      "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25" },
    { { .id = "rhel", .version_id = "9.4" },
      { .type = "rpm",
        .name = "NetworkManager",
        .version = "1:1.46.0-1.el9",
        .arch = "x86_64",
        .source_rpm = "NetworkManager-1.46.0-1.el9.src.rpm" },
      "pkg:rpm/redhat/NetworkManager@1.46.0-1.el9?arch=x86_64&distro=rhel-9.4&epoch=1"
      "&upstream=NetworkManager-1.46.0-1.el9.src.rpm" },
    { { .id = "almalinux", .version_id = "9.4" },
      { .type = "rpm",
        .name = "nodejs",
        .version = "18.20.2-1",
        .arch = "x86_64",
        .module = "nodejs:18:9040020240403:rhel9" },
      "pkg:rpm/almalinux/nodejs@18.20.2-1?arch=x86_64&distro=almalinux-9.4"
      "&rpmmod=nodejs:18:9040020240403:rhel9" },
    { { .id = "opensuse-leap", .version_id = "15.6" },
      { .type = "rpm", .name = "curl", .version = "8.6.0-1", .arch = "x86_64" },
      "pkg:rpm/opensuse/curl@8.6.0-1?arch=x86_64&distro=opensuse-leap-15.6" },
    { { .id = "sles", .version_id = "15.6" },
      { .type = "rpm", .name = "curl", .version = "8.6.0-1" },
      "pkg:rpm/suse/curl@8.6.0-1?distro=sles-15.6" },
    { { .id = "alpine", .version_id = "3.18.4" },
      { .type = "apk",
        .name = "libcurl",
        .version = "8.4.0-r0",
        .arch = "x86_64",
        .source = "curl",
        .source_version = "8.4.0-r0" },
      "pkg:apk/alpine/libcurl@8.4.0-r0?arch=x86_64&distro=alpine-3.18.4&upstream=curl" },
    { { .id = "arch", .build_id = "rolling" },
      { .type = "alpm", .name = "Pacman", .version = "6.0.1-1", .arch = "x86_64" },
      "pkg:alpm/arch/pacman@6.0.1-1?arch=x86_64&distro=arch-rolling" },
    /* Names from outside cannot add components, qualifiers or lines. */
    { { .id = "De/bian", .version_id = "1&x=y" },
      { .type = "deb", .name = "A/b?c#d@e f\n\xff", .version = "1 2/3" },
      "pkg:deb/de%2Fbian/a%2Fb%3Fc%23d%40e%20f%0A%FF@1%202%2F3?distro=De%2Fbian-1%26x%3Dy" },
    /* Not of a distribution. */
    { { .id = "debian", .version_id = "12" },
      { .type = "pypi", .name = "requests", .version = "2.31.0" },
      "pkg:pypi/requests@2.31.0" },
};

static void test_purls_follow_the_specification(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *purl = frame_purl(&cases[i].os, &cases[i].package);
        g_assert_cmpstr(purl, ==, cases[i].purl);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/purl/purls follow the specification",
                    test_purls_follow_the_specification);
    return g_test_run();
}
