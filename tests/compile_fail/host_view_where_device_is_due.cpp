// expect: (could not convert|no viable conversion|cannot convert|no known conversion)
// Where memory lives is part of a view's type: a kernel's door does not take host memory.
#include <holdfast/core/matrix.hpp>

void on_device(holdfast::device_matrix_view<const float>) {}

void use() {
    float numbers[6] = {};
#ifdef HOLDFAST_BREAK
    on_device(holdfast::matrix_view<float>(numbers, 2, 3));
#else
    on_device(holdfast::device_matrix_view<float>(numbers, 2, 3));
#endif
}
