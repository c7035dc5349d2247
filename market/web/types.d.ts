// The chart library is one script with a global name.
declare const klinecharts: typeof import("klinecharts");
