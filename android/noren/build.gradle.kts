// The Android library. The same sources are compiled and tested on the JVM by ../jvm/pom.xml: keep the versions alike.
plugins {
    id("com.android.library") version "8.9.2"
    id("org.jetbrains.kotlin.android") version "2.1.21"
}

android {
    namespace = "app.noren"
    compileSdk = 36
    defaultConfig {
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
        ndk { abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64") }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    sourceSets {
        // src/main/kotlin needs no Android class and runs on any JVM; what does need one (the Keystore) is in src/android/kotlin.
        getByName("main").kotlin.srcDirs("src/main/kotlin", "src/android/kotlin")
        // Written by ../build-jni.
        getByName("main").jniLibs.srcDir(layout.buildDirectory.dir("jniLibs"))
    }
}

kotlin { jvmToolchain(17) }

dependencies {
    // As an AAR it brings its own libraries for each ABI; 5.17 is the first that is aligned to 16 KB pages.
    implementation("net.java.dev.jna:jna:5.17.0@aar")
    api("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.10.2")
}
