/* The peer of `noren card --svg`: a small process that opens a SQLite file of the same kind, reads one row, and writes the text in it as a QR in
 * an SVG with libqrencode, at the same error correction level. No signature, no sealing: it is the floor that we are held against.
 *
 *   card FILE.db OUT.svg
 */
#include <qrencode.h>
#include <sqlite3.h>
#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    sqlite3 *db;
    sqlite3_stmt *row;
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) return 1;
    if (sqlite3_prepare_v2(db, "SELECT text FROM card WHERE id = 1", -1, &row, NULL) != SQLITE_OK) return 1;
    if (sqlite3_step(row) != SQLITE_ROW) return 1;
    const char *text = (const char *)sqlite3_column_text(row, 0);
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (!code) return 1;
    FILE *out = fopen(argv[2], "w");
    if (!out) return 1;
    int side = code->width + 8;
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
                 "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"", side, side, side, side);
    for (int y = 0; y < code->width; y++)
        for (int x = 0; x < code->width; x++)
            if (code->data[y * code->width + x] & 1) fprintf(out, "M%d %dh1v1h-1z", x + 4, y + 4);
    fprintf(out, "\"/></svg>\n");
    fclose(out);
    puts(text);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return 0;
}
