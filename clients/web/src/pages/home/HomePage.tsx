export { NotFoundPage as HomePage } from '../NotFoundPage';
