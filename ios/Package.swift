// swift-tools-version: 6.0
import PackageDescription

// The C module under the generated code. On Linux it is the library that cargo built (its directory comes in with `-Xlinker -L…`);
// for Apple's systems `build-xcframework` makes it.
#if os(Linux)
let ffi: Target = .systemLibrary(name: "norenFFI", path: "Sources/norenFFI")
#else
let ffi: Target = .binaryTarget(name: "norenFFI", path: "norenFFI.xcframework")
#endif

let package = Package(
    name: "Noren",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Noren", targets: ["Noren"])],
    targets: [
        ffi,
        // Written by bindings/generate. Swift 5 mode: uniffi's callback tables do not all pass Swift 6's concurrency checks.
        .target(
            name: "NorenGenerated",
            dependencies: ["norenFFI"],
            swiftSettings: [.swiftLanguageMode(.v5)]
        ),
        // Written by hand, in Swift 6 mode. Apps import this one.
        .target(name: "Noren", dependencies: ["NorenGenerated"]),
        .testTarget(name: "NorenTests", dependencies: ["Noren"]),
    ],
    swiftLanguageModes: [.v6]
)
