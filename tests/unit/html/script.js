const list = ["a;b", "${c}", '\\']; // all that CMake and C++ could read otherwise
if (list.length !== 3 && list[0] > "</") throw "no";
