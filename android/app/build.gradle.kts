// The smallest app around the library. Not built here: see ../README.md.
plugins {
    id("com.android.application") version "8.9.2"
    id("org.jetbrains.kotlin.android") version "2.1.21"
    id("org.jetbrains.kotlin.plugin.compose") version "2.1.21"
}

android {
    namespace = "app.noren.app"
    compileSdk = 36
    defaultConfig {
        applicationId = "app.noren.demo"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
        // The emulator's name of the machine it runs on.
        buildConfigField("String", "NOREN_BACKEND", "\"${providers.gradleProperty("norenBackend").getOrElse("http://10.0.2.2:8787")}\"")
    }
    buildFeatures {
        buildConfig = true
        compose = true
    }
    buildTypes {
        // Minified from the start: what R8 takes away shows here first.
        release { isMinifyEnabled = true }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    sourceSets.getByName("main").kotlin.srcDir("src/main/kotlin")
}

kotlin { jvmToolchain(17) }

dependencies {
    implementation(project(":noren"))
    implementation("androidx.activity:activity-compose:1.10.1")
    implementation("androidx.compose.material3:material3:1.3.2")
    implementation("com.google.android.gms:play-services-location:21.3.0")
}
