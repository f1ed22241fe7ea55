import Noren
import SwiftUI

/// The smallest app around the core: opens it, enrols once, shows the card, and closes the files before the system suspends it.
@main
struct NorenDemo: App {
    @State private var noren: NorenApp?
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            if let noren {
                CardScreen(noren: noren)
            } else {
                ProgressView().task { noren = await start() }
            }
        }
        .onChange(of: phase) { _, phase in
            guard let noren else { return }
            switch phase {
            case .background: suspend(noren)
            case .active: Task { await wake(noren) }
            default: break
            }
        }
    }

    private func start() async -> NorenApp? {
        guard let backend = Bundle.main.object(forInfoDictionaryKey: "NorenBackend") as? String else { return nil }
        while !Task.isCancelled {
            do {
                let noren = try await NorenApp.open(
                    directory: CoreDirectory.make(), backendUrl: backend, secureStore: KeychainSecureStore(), deviceKey: SecureEnclaveDeviceKey())
                if try await noren.member() == .notEnrolled { try await noren.enrol() }
                return noren
            } catch {
                // Locked before first unlock, or no network for the first enrolment: nothing was changed, try again.
                try? await Task.sleep(for: .seconds(2))
            }
        }
        return nil
    }

    /// The system gives a few seconds under a background task; a file lock held after that would end the app.
    private func suspend(_ noren: NorenApp) {
        var task = UIBackgroundTaskIdentifier.invalid
        task = UIApplication.shared.beginBackgroundTask { UIApplication.shared.endBackgroundTask(task) }
        Task {
            try? await noren.pause()
            UIApplication.shared.endBackgroundTask(task)
        }
    }

    private func wake(_ noren: NorenApp) async {
        try? await noren.resume()
        _ = try? await noren.sendDue()
        _ = try? await noren.refreshMember()
        _ = try? await noren.refreshHistory()
    }
}
