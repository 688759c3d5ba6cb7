#include "inspect/package_database.h"

#include "base/error.h"

#define KIND         "package database"
#define FAULTS_NAMED 20 /* each with coverage of its own; more are counted */

bool package_database_locate(struct inspection *in, const char *path, struct root_place *out)
{
    GError *error = NULL;
    if (root_resolve(in->root, path, true, out, &error))
        return true;
    if (g_error_matches(error, ASSAY_ERROR, ASSAY_ERROR_NOT_FOUND))
        g_error_free(error);
    else
        inspection_cover_error(in, KIND, path, false, error);
    return false;
}

void package_database_add(struct package_database *db, struct frame_package *p)
{
    p->path = db->path;
    inspection_emit(db->in, FRAME_PACKAGE, p);
    db->packages++;
}

void package_database_fault(struct package_database *db, GError *error)
{
    if (db->faults++ < FAULTS_NAMED)
        inspection_cover_error(db->in, KIND, db->path, true, error);
    else
        g_error_free(error);
}

void package_database_done(struct package_database *db, GError *error)
{
    if (db->faults > FAULTS_NAMED) {
        g_autofree char *more = g_strdup_printf("%" G_GUINT64_FORMAT " more entries cannot be read",
                                                db->faults - FAULTS_NAMED);
        inspection_cover(db->in, KIND, db->path, COVERAGE_PARTIAL,
                         assay_error_name(ASSAY_ERROR_CORRUPT), more);
    }
    if (error != NULL)
        inspection_cover_error(db->in, KIND, db->path, db->packages > 0, error);
    else if (db->faults == 0)
        inspection_cover(db->in, KIND, db->path, COVERAGE_READ, NULL, NULL);
}
