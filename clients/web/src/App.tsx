import { lazy, Suspense } from 'react';
import { Route, Routes } from 'react-router';
import { HomePage } from './pages/home/HomePage';
import { NotFoundPage } from './pages/NotFoundPage';
import { CrashBoundary } from './shell/CrashBoundary';
import { Layout } from './shell/Layout';
import { PageSkeleton } from './shell/PageSkeleton';

const LoginPage = lazy(() => import('./pages/auth/LoginPage'));
const RegisterPage = lazy(() => import('./pages/auth/RegisterPage'));
const SettingsPage = lazy(() => import('./pages/settings/SettingsPage'));
const DashboardPage = lazy(() => import('./pages/dashboard/DashboardPage'));
const AdminPage = lazy(() => import('./pages/admin/AdminPage'));
const ChannelPage = lazy(() => import('./watch/ChannelPage'));
const VodPage = lazy(() => import('./vods/VodPage'));
const PopoutChat = lazy(() => import('./chat/PopoutChat'));

/** Every address of the site; a channel's slug can't be one of the fixed words, but may be `admin`: the operator's. */
export function App() {
  return (
    <CrashBoundary>
      <Routes>
        <Route element={<Layout />}>
          <Route path="/" element={<HomePage />} />
          <Route path="/login" element={<LoginPage />} />
          <Route path="/register" element={<RegisterPage />} />
          <Route path="/settings" element={<SettingsPage />} />
          <Route path="/dashboard" element={<DashboardPage />} />
          <Route path="/settings/site" element={<AdminPage />} />
          <Route path="/:slug" element={<ChannelPage />} />
          <Route path="/:slug/v/:id" element={<VodPage />} />
          <Route path="*" element={<NotFoundPage />} />
        </Route>
        <Route
          path="/:slug/chat"
          element={
            <Suspense fallback={<PageSkeleton />}>
              <PopoutChat />
            </Suspense>
          }
        />
      </Routes>
    </CrashBoundary>
  );
}
