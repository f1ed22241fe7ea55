import Noren
import SwiftUI
import UserNotifications

/// The smallest app around the core: opens it, enrols once, shows the card, watches regions, and closes the files before the system suspends it.
@main
struct NorenDemo: App {
    @UIApplicationDelegateAdaptor private var launched: AppDelegate
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup { Front(launched: launched) }
            .onChange(of: phase) { _, phase in
                switch phase {
                case .background: launched.suspend()
                case .active: Task { await launched.wake() }
                default: break
                }
            }
    }
}

private struct Front: View {
    @ObservedObject var launched: AppDelegate

    var body: some View {
        if let noren = launched.noren { CardScreen(noren: noren) } else { ProgressView() }
    }
}

/// Opens the core at every launch: also when the system launches the app for a region, with nothing on the screen.
@MainActor
final class AppDelegate: NSObject, UIApplicationDelegate, ObservableObject {
    @Published private(set) var noren: NorenApp?
    private var watcher: RegionWatcher?

    func application(_: UIApplication, didFinishLaunchingWithOptions _: [UIApplication.LaunchOptionsKey: Any]? = nil) -> Bool {
        Task { await start() }
        return true
    }

    private func start() async {
        guard let backend = Bundle.main.object(forInfoDictionaryKey: "NorenBackend") as? String else { return }
        while noren == nil {
            do {
                let noren = try await NorenApp.open(
                    directory: CoreDirectory.make(), backendUrl: backend, secureStore: KeychainSecureStore(), deviceKey: SecureEnclaveDeviceKey())
                if try await noren.member() == .notEnrolled { try await noren.enrol() }
                watcher = RegionWatcher(noren: noren) { [weak self] report in await self?.tell(report) }
                watcher?.start()
                self.noren = noren
            } catch {
                // Locked before first unlock, or no network for the first enrolment: nothing was changed, try again.
                try? await Task.sleep(for: .seconds(2))
            }
        }
    }

    /// A check-in has a notice of its own, without a sound and without lighting the screen: it is read when the person takes the phone out, and
    /// asks for nothing. Where notices are not allowed the check-in counts all the same.
    private func tell(_ report: CheckInReport) async {
        guard let noren, !report.checkIns.isEmpty else { return }
        for made in report.checkIns {
            let content = UNMutableNotificationContent()
            (content.title, content.body) = (made.notice.titleJa, made.notice.bodyJa)
            content.interruptionLevel = .passive
            try? await UNUserNotificationCenter.current().add(UNNotificationRequest(identifier: made.checkIn.id, content: content, trigger: nil))
        }
        _ = try? await noren.sendDue()
    }

    /// The system gives a few seconds under a background task; a file lock held after that would end the app.
    func suspend() {
        guard let noren else { return }
        var task = UIBackgroundTaskIdentifier.invalid
        task = UIApplication.shared.beginBackgroundTask { UIApplication.shared.endBackgroundTask(task) }
        Task {
            try? await noren.pause()
            UIApplication.shared.endBackgroundTask(task)
        }
    }

    func wake() async {
        guard let noren else { return }
        try? await noren.resume()
        watcher?.opened()
        _ = try? await noren.sendDue()
        _ = try? await noren.refreshMember()
        _ = try? await noren.refreshHistory()
        _ = try? await noren.refreshCoupons()
    }
}
