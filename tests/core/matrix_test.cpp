#include "support/test.hpp"

#include <holdfast/core/matrix.hpp>

#include <Eigen/Core>
#include <array>
#include <type_traits>
#include <vector>
#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>
#endif

namespace {

// Element (i, j) of every matrix below is 10 i + j.
template <class M>
void check_3_by_2(const M& m) {
    REQUIRE(m.rows() == 3);
    REQUIRE(m.cols() == 2);
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 2; ++j) CHECK(m(i, j) == 10.0 * double(i) + double(j));
}

template <class M>
M filled_eigen() {
    M m(3, 2);
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 2; ++j) m(i, j) = 10 * i + j;
    return m;
}

struct bare {  // the least that is matrix_like
    std::array<double, 6> values{0, 1, 10, 11, 20, 21};
    const double* data() const { return values.data(); }
    int rows() const { return 3; }
    int cols() const { return 2; }
};

}  // namespace

using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

TEST_CASE("a view of an Eigen matrix is the same memory, in both orders") {
    auto by_column = filled_eigen<Eigen::MatrixXd>();
    auto by_row = filled_eigen<row_major>();
    check_3_by_2(holdfast::view(by_column));
    check_3_by_2(holdfast::view(by_row));
    CHECK(holdfast::view(by_column).data() == by_column.data());
    CHECK(holdfast::view(by_row).contiguous());
    CHECK_FALSE(holdfast::view(by_column).contiguous());
    holdfast::view(by_column)(2, 1) = 7;
    CHECK(by_column(2, 1) == 7);
}

TEST_CASE("a view of a block keeps the stride of the whole") {
    row_major whole = row_major::Zero(5, 7);
    whole.block(1, 2, 3, 2) = filled_eigen<row_major>();
    check_3_by_2(holdfast::view(whole.block(1, 2, 3, 2)));
    CHECK(holdfast::view(whole.block(1, 2, 3, 2)).row_stride() == 7);
    Eigen::MatrixXd columns = Eigen::MatrixXd::Zero(5, 7);
    columns.block(1, 2, 3, 2) = filled_eigen<Eigen::MatrixXd>();
    check_3_by_2(holdfast::view(columns.block(1, 2, 3, 2)));
}

TEST_CASE("a view of a constant matrix cannot change it") {
    const auto m = filled_eigen<row_major>();
    STATIC_REQUIRE(std::is_same_v<decltype(holdfast::view(m)), holdfast::matrix_view<const double>>);
    auto changeable = filled_eigen<row_major>();
    STATIC_REQUIRE(std::is_same_v<decltype(holdfast::view(changeable)), holdfast::matrix_view<double>>);
    const holdfast::matrix_view<const double> read = holdfast::view(changeable);
    check_3_by_2(read);
}

TEST_CASE("a view of an xtensor container reads its strides") {
    xt::xarray<double> any{{0, 1}, {10, 11}, {20, 21}};
    xt::xtensor<double, 2> two{{0, 1}, {10, 11}, {20, 21}};
    xt::xtensor<double, 2, xt::layout_type::column_major> columns{{0, 1}, {10, 11}, {20, 21}};
    check_3_by_2(holdfast::view(any));
    check_3_by_2(holdfast::view(two));
    check_3_by_2(holdfast::view(columns));
    CHECK(holdfast::view(columns).col_stride() == 3);
    xt::xarray<double> three(std::vector<std::size_t>{2, 2, 2});
    CHECK_REFUSES(holdfast::view(three), "two dimensions, this has 3");
    xt::xtensor<double, 2> one_row{{0, 1}};
    CHECK(holdfast::view(one_row)(0, 1) == 1);
}

TEST_CASE("a type with data, rows and cols is a matrix, one without is not") {
    check_3_by_2(holdfast::view(bare{}));
    STATIC_REQUIRE(holdfast::matrix_like<bare>);
    STATIC_REQUIRE(holdfast::matrix_like<Eigen::MatrixXf>);
    STATIC_REQUIRE(holdfast::matrix_like<xt::xarray<float>>);
    STATIC_REQUIRE(holdfast::matrix_like<holdfast::matrix<int>&>);
    STATIC_REQUIRE(holdfast::matrix_like<holdfast::matrix_view<const float>>);
    STATIC_REQUIRE_FALSE(holdfast::matrix_like<std::vector<double>>);
    STATIC_REQUIRE_FALSE(holdfast::matrix_like<int>);
    STATIC_REQUIRE(std::is_same_v<holdfast::element_t<const Eigen::MatrixXf&>, float>);
}

TEST_CASE("memory of one place is no view of the other") {
    STATIC_REQUIRE_FALSE(std::is_convertible_v<holdfast::matrix_view<float>, holdfast::device_matrix_view<float>>);
    STATIC_REQUIRE(
        std::is_convertible_v<holdfast::device_matrix_view<float>, holdfast::device_matrix_view<const float>>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<holdfast::matrix_view<const float>, holdfast::matrix_view<float>>);
    STATIC_REQUIRE(std::is_trivially_copyable_v<holdfast::device_matrix_view<float>>);
}

TEST_CASE("rows and transposes of a view") {
    holdfast::matrix<double> m(3, 2, {0, 1, 10, 11, 20, 21});
    check_3_by_2(m.view());
    CHECK(m.row(1)[1] == 11);
    CHECK(m.view().transposed()(1, 2) == 21);
    CHECK_REFUSES(m.view().row(3), "row 3 of 3");
    CHECK_REFUSES(m.view().transposed().row(0), "column stride is 2");
    CHECK(holdfast::matrix_view<double>().empty());
    CHECK(holdfast::matrix<double>(0, 5).empty());
}

TEST_CASE("an owner refuses values of another count") {
    CHECK_REFUSES(holdfast::matrix<int>(2, 2, std::vector<int>{1, 2, 3}), "2 x 2 needs 4 values, not 3");
    const auto huge = std::size_t{1} << 40;
    CHECK_REFUSES(holdfast::matrix<char>(huge, huge), "more than memory can address");
    holdfast::matrix<int> a(2, 3, 7), b = a;
    CHECK(a == b);
    b(1, 2) = 8;
    CHECK_FALSE(a == b);
}
